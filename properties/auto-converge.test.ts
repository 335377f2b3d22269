/** What auto-converge is for: a guest that is too fast for its channel arrives with it, and never without. */
import t from 'tap'
import { linesOf } from './observation.ts'
import { outgoingStatus } from './state-view.ts'
import { tooFastPlan } from './suites/runtime-scripts.ts'
import { ourRuntime, RuntimeWorld } from './worlds/runtime-world.ts'

const PATIENCE_MILLIS = 60_000

/** The status of a source after a minute, and the percentages that its guest was throttled by. */
const migrate = async (capabilities: readonly string[], parameters: object = {}) => {
  const world = await RuntimeWorld.make(ourRuntime, tooFastPlan)
  for (const capability of capabilities) await world.setCapability(capability, true)
  await world.command('source', 'migrate-set-parameters', parameters)
  await world.migrate()
  for (let millis = 0; millis < PATIENCE_MILLIS; millis += 1000) await world.advance(1000)
  const status = outgoingStatus(await world.run(world.source.process.state))
  const observation = await world.finish()
  return { status, percentages: linesOf(observation, 'throttle').map(({ percentage }) => percentage) }
}

t.test('without it the run goes on as long as anybody looks', async (t) => {
  t.same(await migrate([]), { status: 'active', percentages: [] })
})

t.test('with it the throttle rises step by step until the run completes, and is taken off', async (t) => {
  const { status, percentages } = await migrate(['auto-converge'])
  t.equal(status, 'completed')
  const steps = [20, 30, 40, 50, 60, 70, 80, 90, 99]
  t.same(percentages, [...steps.slice(0, percentages.length - 1), 0])
  t.ok(percentages.length > 4, `${percentages.length - 1} steps`)
})

t.test('the parameters are those of the moment', async (t) => {
  const { status, percentages } = await migrate(['auto-converge'], {
    'cpu-throttle-initial': 90,
    'cpu-throttle-increment': 9,
  })
  t.equal(status, 'completed')
  t.equal(percentages[0], 90)
  t.equal(percentages.at(-1), 0)
})
