/** Auto-converge: the controller by itself, and what the core makes of it. Reference of the semantics, 6.4; invariant I26. */
import * as fc from 'fast-check'
import t from 'tap'
import type { CoreOutput } from './output.ts'
import { reach, scenarios, type ScenarioCore, type ScenarioInput, type ScenarioVariant } from './scenarios.ts'
import { evaluate, throttleSettings, unthrottled, type DirtyPeriod, type ThrottleSettings } from './throttle.ts'

const settings: ThrottleSettings = {
  initialPercentage: 20,
  incrementPercentage: 10,
  triggerPercentage: 50,
  maximumPercentage: 99,
  tailslow: false,
}
const high: DirtyPeriod = { dirtiedBytes: 51, sentBytes: 100 }
const low: DirtyPeriod = { dirtiedBytes: 50, sentBytes: 100 }

const steps = (periods: readonly DirtyPeriod[], used: ThrottleSettings = settings): readonly number[] => {
  let throttle = unthrottled
  return periods.map((period) => (throttle = evaluate(throttle, period, used)).percentage)
}

t.test('every second high period is a step: the initial one first, then increments, at most 99', async (t) => {
  t.same(
    steps(Array.from({ length: 20 }, () => high)),
    [0, 20, 20, 30, 30, 40, 40, 50, 50, 60, 60, 70, 70, 80, 80, 90, 90, 99, 99, 99],
  )
})

t.test('half of what was sent is bearable; a bearable period forgives no strike', async (t) => {
  t.same(steps([low, low, low, low]), [0, 0, 0, 0])
  t.same(steps([high, low, high, low]), [0, 0, 20, 20])
  t.same(steps([{ dirtiedBytes: 0, sentBytes: 0 }]), [0], 'an idle second')
})

t.test('7.2: trigger, maximum and tail', async (t) => {
  const third = { dirtiedBytes: 34, sentBytes: 100 }
  t.same(steps([third, third], { ...settings, triggerPercentage: 33 }), [0, 20])
  t.same(steps([high, high, high, high], { ...settings, maximumPercentage: 25 }), [0, 20, 20, 25])
  // 80 percent of its time, and a fiftieth too fast: 78 would do.
  t.same(steps([high, high, high, high], { ...settings, tailslow: true }), [0, 20, 20, 22])
  const wild = { dirtiedBytes: 1000, sentBytes: 100 }
  t.same(steps([wild, wild, wild, wild], { ...settings, tailslow: true }), [0, 20, 20, 30])
})

t.test('whatever happens: 0 to 99, never less than before, no step at the first period', async () => {
  const percentage = fc.integer({ min: 1, max: 99 })
  const anySettings = fc.record({
    initialPercentage: percentage,
    incrementPercentage: percentage,
    triggerPercentage: fc.integer({ min: 1, max: 100 }),
    maximumPercentage: percentage,
    tailslow: fc.boolean(),
  })
  const period = fc.record({ dirtiedBytes: fc.maxSafeNat(), sentBytes: fc.maxSafeNat() })
  fc.assert(
    fc.property(fc.array(fc.tuple(period, anySettings), { size: 'large' }), (run) => {
      let throttle = unthrottled
      for (const [index, [each, used]] of run.entries()) {
        const next = evaluate(throttle, each, used)
        if (next.percentage < throttle.percentage || next.percentage > 99) return false
        if (index === 0 && next.percentage !== 0) return false
        throttle = next
      }
      return true
    }),
  )
})

t.test('against a guest that dirties without end the throttle reaches its maximum', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }), (initial, increment) => {
      const used = { ...settings, initialPercentage: initial, incrementPercentage: increment }
      return (
        steps(
          Array.from({ length: 200 }, () => high),
          used,
        ).at(-1) === 99
      )
    }),
  )
})

/** A core in an outgoing state, entered with the guest throttled to 20. */
const throttledIn = (name: string, variant: ScenarioVariant = {}): ScenarioCore => {
  const scenario = scenarios(variant.profile ?? '2.11').find((one) => one.side === 'outgoing' && one.name === name)
  if (scenario === undefined) throw new Error(`expected a scenario ${name}`)
  const at = scenario.inputs.findIndex((input) => input[0] === 'fact' && input[1].type === 'outgoing.setup-done')
  const inputs = [...scenario.inputs]
  inputs.splice(at + 1, 0, highPass, highPass)
  return reach({ ...scenario, inputs }, { ...variant, capabilities: ['auto-converge'] })
}

const highPass: ScenarioInput = ['fact', { type: 'outgoing.pass', pass: 2, period: high }]

const throttles = (outputs: readonly CoreOutput[]): readonly number[] =>
  outputs.flatMap((output) =>
    output.type === 'intent' && output.intent.type === 'throttle-guest' ? [output.intent.percentage] : [],
  )

t.test('the core throttles by the parameters of the moment, and tells no step twice', async (t) => {
  const core = throttledIn('active')
  t.equal(core.state.outgoing?.throttle.percentage, 20)
  core.take(['command', 'migrate-set-parameters', { 'cpu-throttle-increment': 33 }])
  t.same(throttles(core.take(highPass)), [])
  t.same(throttles(core.take(highPass)), [53], 'the new increment')
  core.take(highPass)
  t.same(throttles(core.take(highPass)), [86])
  core.take(highPass)
  t.same(throttles(core.take(highPass)), [99])
  core.take(highPass)
  t.same(throttles(core.take(highPass)), [], '99 already')
})

t.test('without the capability nothing is throttled', async (t) => {
  const core = reach(scenarios('2.11').find(({ name }) => name === 'active')!)
  for (let pass = 0; pass < 10; pass++) t.same(throttles(core.take(highPass)), [])
})

t.test('a pass without a period judges nothing', async (t) => {
  const core = reach(
    scenarios('2.11').find(({ name }) => name === 'active')!,
    { capabilities: ['auto-converge'] },
  )
  for (let pass = 1; pass < 10; pass++) t.same(throttles(core.take(['fact', { type: 'outgoing.pass', pass }])), [])
  t.equal(core.state.outgoing?.throttle.strikes, 0)
})

t.test('at the end, whatever it is, the guest has all its time, and before it runs on', async (t) => {
  const ends: readonly (readonly [from: string, input: ScenarioInput, variant?: ScenarioVariant])[] = [
    ['active', ['command', 'migrate_cancel']],
    ['active', ['fact', { type: 'outgoing.failed', reason: 'gone', side: 'channel' }]],
    ['pre-switchover', ['command', 'migrate_cancel']],
    ['active (committing)', ['fact', { type: 'outgoing.loaded' }]],
    ['postcopy-active', ['fact', { type: 'outgoing.loaded' }]],
  ]
  for (const [from, input] of ends) {
    const core = throttledIn(from)
    t.equal(core.state.outgoing?.throttle.percentage, 20, from)
    const outputs = core.take(input)
    t.same(throttles(outputs), [0], `${from}, ${JSON.stringify(input)}`)
    const kinds = outputs.flatMap((output) => (output.type === 'intent' ? [output.intent.type] : []))
    t.equal(kinds[0], 'throttle-guest', 'before anything else')
    t.equal(core.state.outgoing?.throttle.percentage, 0)
    t.same(throttles(core.take(highPass)), [], 'a late pass throttles nothing')
  }
})

t.test('the next run begins without a throttle and without strikes', async (t) => {
  const core = throttledIn('active')
  core.take(highPass)
  core.take(['command', 'migrate_cancel'])
  core.take(['fact', { type: 'outgoing.ended' }])
  core.take(['command', 'migrate', { uri: 'tcp:host:4444' }])
  t.same(core.state.outgoing?.throttle, unthrottled)
})

t.test('2.11 has no parameters for trigger, maximum and tail; 7.2 has', async (t) => {
  const old = reach(scenarios('2.11')[0]!)
  t.same(throttleSettings(old.state), settings)
  const recent = reach(scenarios('7.2')[0]!, { profile: '7.2' })
  t.same(throttleSettings(recent.state), settings)
  const given = { 'throttle-trigger-threshold': 70, 'max-cpu-throttle': 80, 'cpu-throttle-tailslow': true }
  recent.take(['command', 'migrate-set-parameters', given])
  t.match(throttleSettings(recent.state), { triggerPercentage: 70, maximumPercentage: 80, tailslow: true })
})
