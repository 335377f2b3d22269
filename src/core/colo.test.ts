/**
 * COLO and its failover in the core (reference of the semantics, section 3): one checkpoint message by message on both
 * sides, what asks for one, what breaks a pair and how that is told, and a heartbeat that is lost.
 */
import t from 'tap'
import type { Profile } from '../../machines/index.ts'
import { coloMode, failoverStatus, isColoBroken, pathOf, runState, type CoreOptions } from './core-state.ts'
import type { CoreOutput } from './output.ts'
import { reach, type ScenarioCore, type ScenarioInput, scenarios } from './scenarios.ts'

const brief = (outputs: readonly CoreOutput[]): readonly string[] =>
  outputs.map((output) => {
    if (output.type === 'event')
      return 'data' in output.event
        ? `${output.event.event} ${Object.values(output.event.data).join()}`
        : output.event.event
    if (output.type === 'reply') return JSON.stringify(output.value)
    if (output.type !== 'intent') return output.type === 'refusal' ? `refused: ${output.desc}` : output.type
    return output.intent.type === 'send-colo-message' ? `send ${output.intent.message}` : output.intent.type
  })

type Side = 'outgoing' | 'incoming'

const at = (side: Side, name: string, profile: Profile = '7.2', options: CoreOptions = {}): ScenarioCore => {
  const scenario = scenarios(profile).find((one) => one.side === side && one.name === name)
  if (scenario === undefined) throw new Error(`expected a scenario ${name}`)
  return reach(scenario, { profile, capabilities: ['events'], options })
}

const fact = (news: Extract<ScenarioInput, readonly ['fact', unknown]>[1]): ScenarioInput => ['fact', news]
const heartbeat: ScenarioInput = ['command', 'x-colo-lost-heartbeat']
const gone = { reason: 'gone', side: 'channel' } as const

const transcript = (core: ScenarioCore, inputs: readonly ScenarioInput[]): readonly string[] =>
  inputs.flatMap((input) => [
    `> ${typeof input[1] === 'string' ? input[1] : input[1].type}`,
    ...brief(core.take(input)),
  ])

t.test('one checkpoint of a primary, message by message', async (t) => {
  for (const profile of ['2.11', '7.2'] as const)
    t.strictSame(
      transcript(at('outgoing', 'colo', profile), [
        fact({ type: 'outgoing.checkpoint-due' }),
        fact({ type: 'outgoing.checkpoint-reply' }),
        fact({ type: 'outgoing.vmstate-saved' }),
        fact({ type: 'outgoing.vmstate-sent' }),
        fact({ type: 'outgoing.vmstate-received' }),
        fact({ type: 'outgoing.vmstate-loaded' }),
      ]),
      [
        '> outgoing.checkpoint-due',
        'send checkpoint-request',
        'arm-checkpoint',
        '> outgoing.checkpoint-reply',
        'stop-guest',
        'STOP',
        'send vmstate-send',
        'save-checkpoint',
        '> outgoing.vmstate-saved',
        'send-vmstate',
        '> outgoing.vmstate-sent',
        '> outgoing.vmstate-received',
        '> outgoing.vmstate-loaded',
        'release-output',
        'start-guest',
        'RESUME',
      ],
      profile,
    )
})

const arrives = [
  fact({ type: 'incoming.checkpoint-request' }),
  fact({ type: 'incoming.vmstate-send' }),
  fact({ type: 'incoming.vmstate-size' }),
  fact({ type: 'incoming.vmstate-staged' }),
  fact({ type: 'incoming.vmstate-loaded', running: true }),
]

t.test('the same at the secondary, whose guest runs in between from 3.1 on', async (t) => {
  const from = (profile: Profile, guest: readonly string[], started: readonly string[]) =>
    t.strictSame(
      transcript(at('incoming', 'colo', profile), arrives),
      [
        '> incoming.checkpoint-request',
        ...guest,
        'send checkpoint-reply',
        '> incoming.vmstate-send',
        'stage-checkpoint',
        '> incoming.vmstate-size',
        '> incoming.vmstate-staged',
        'send vmstate-received',
        'load-checkpoint',
        '> incoming.vmstate-loaded',
        ...started,
        'send vmstate-loaded',
      ],
      profile,
    )
  from('7.2', ['stop-guest', 'STOP'], ['start-guest', 'RESUME'])
  from('2.11', [], [])
})

t.test('a new delay means a checkpoint at once, also where it is the old one; several wishes are one', async (t) => {
  const core = at('outgoing', 'colo')
  const set: ScenarioInput = ['command', 'migrate-set-parameters', { 'x-checkpoint-delay': 50 }]
  t.strictSame(brief(core.take(set)), ['send checkpoint-request', 'arm-checkpoint', 'set-parameters', '{}'])
  t.strictSame(brief(core.take(set)), ['set-parameters', '{}'], 'one is going on')
  for (const type of ['checkpoint-due', 'output-differs', 'checkpoint-reply', 'vmstate-saved', 'vmstate-sent'] as const)
    core.take(fact({ type: `outgoing.${type}` }))
  core.take(fact({ type: 'outgoing.vmstate-received' }))
  t.strictSame(brief(core.take(fact({ type: 'outgoing.vmstate-loaded' }))), [
    'release-output',
    'start-guest',
    'RESUME',
    'send checkpoint-request',
    'arm-checkpoint',
  ])
  const [delay] = at('outgoing', 'colo')
    .take(set)
    .flatMap((one) => (one.type === 'intent' && one.intent.type === 'arm-checkpoint' ? [one.intent.delayMillis] : []))
  t.equal(delay, 50)
})

t.test('output that differs asks for a checkpoint, but not in 2.11, which compares nothing', async (t) => {
  const differs = fact({ type: 'outgoing.output-differs' })
  t.match(brief(at('outgoing', 'colo').take(differs)), ['send checkpoint-request'])
  t.strictSame(brief(at('outgoing', 'colo', '2.11').take(differs)), ['unexpected'])
})

t.test('a message out of its order breaks the pair, and is the reason', async (t) => {
  const primary = at('outgoing', 'colo')
  t.strictSame(brief(primary.take(fact({ type: 'outgoing.vmstate-loaded' }))), [
    'close-colo',
    'stop-guest',
    'STOP',
    'COLO_EXIT primary,error',
  ])
  t.match(primary.try('query-migrate')[1], [
    { value: { status: 'colo', 'error-desc': 'Got unknown COLO message: vmstate-loaded' } },
  ])
  const secondary = at('incoming', 'colo', '2.11')
  secondary.take(fact({ type: 'incoming.vmstate-send' }))
  t.match(secondary.try('query-migrate')[1], [
    { value: { status: 'colo', 'error-desc': 'Unexpected COLO message vmstate-send, expected checkpoint-request' } },
  ])
})

t.test('a lost channel: the guest stands still, then it is told, and a query says why', async (t) => {
  const secondary = at('incoming', 'colo')
  const outputs = brief(secondary.take(fact({ type: 'incoming.lost', ...gone })))
  t.strictSame(outputs, ['close-colo', 'stop-guest', 'STOP', 'COLO_EXIT secondary,error'])
  t.match(secondary.try('query-colo-status')[1], [{ value: { mode: 'secondary', reason: 'error' } }])
  t.match(secondary.try('query-migrate')[1], [{ value: { status: 'colo', 'error-desc': 'gone (channel)' } }])
  for (const one of [secondary, at('outgoing', 'colo (apart)')])
    t.match(brief(one.take(['command', 'cont'])), ['refused: Migration is not finalized yet'])
})

t.test('a failover: accepted, then carried out when the data plane has let go', async (t) => {
  const primary = at('outgoing', 'colo (checkpoint)')
  t.strictSame(brief(primary.take(heartbeat)), ['interrupt-checkpoint', '{}'])
  t.strictSame(brief(primary.take(heartbeat)), ['refused: COLO failover is already activated'])
  t.strictSame(brief(primary.take(fact({ type: 'outgoing.interrupted' }))), [
    'MIGRATION completed',
    'teardown',
    'COLO_EXIT primary,request',
    'close-colo',
    'open-output',
    'start-guest',
    'RESUME',
  ])
  t.strictSame([runState(primary.state), coloMode(primary.state)], ['running', 'unknown'])
  t.strictSame(brief(primary.take(heartbeat)), ["refused: The feature 'colo' is not enabled"])
})

t.test('a failover while a checkpoint is being loaded waits for it', async (t) => {
  const loaded = fact({ type: 'incoming.vmstate-loaded', running: true })
  const interrupted = fact({ type: 'incoming.interrupted' })
  const recent = at('incoming', 'colo (loading)')
  recent.take(heartbeat)
  recent.take(interrupted)
  t.equal(failoverStatus(recent.state), 'relaunch')
  t.strictSame(brief(recent.take(loaded)), ['interrupt-checkpoint'], 'asked for again, and the primary is not told')
  t.match(brief(recent.take(interrupted)), ['acquire-images', 'MIGRATION completed'])
  const old = at('incoming', 'colo (loading)', '2.11')
  old.take(heartbeat)
  old.take(interrupted)
  t.strictSame(pathOf(old.state, 'failover'), ['require', 'blocked'], '2.11 does not get that far')
  t.match(brief(old.take(loaded)), ['acquire-images', 'MIGRATION completed'])
})

t.test('a secondary that has loaded a part only can never run, and says so', async (t) => {
  const core = at('incoming', 'colo (failover, loading)')
  t.strictSame(brief(core.take(fact({ type: 'incoming.torn', ...gone }))), [
    'close-colo',
    'COLO_EXIT secondary,error',
    'MIGRATION failed',
    'reject',
  ])
  t.strictSame([failoverStatus(core.state), coloMode(core.state)], ['none', 'unknown'])
  t.strictSame(brief(core.take(heartbeat)), ["refused: The feature 'colo' is not enabled"])
})

t.test('with a fence the answer waits for it', async (t) => {
  const core = at('incoming', 'colo', '7.2', { fence: true })
  t.strictSame(brief(core.take(heartbeat)), ['fence', 'deferred'])
  t.strictSame(brief(core.take(heartbeat)), ['refused: COLO failover is already activated'])
  const before = { ...core.state, pending: [] }
  const no = { type: 'failover.not-fenced', reason: 'no power switch answers', run: core.state.tickets } as const
  t.match(brief(core.tell(no)), [/^refused: COLO failover is refused: .*no power switch answers/])
  t.strictSame(core.state.capabilities, before.capabilities)
  t.strictSame(brief(core.take(fact({ type: 'incoming.checkpoint-request' }))).at(-1), 'send checkpoint-reply')
  core.take(heartbeat)
  t.strictSame(brief(core.tell({ type: 'failover.fenced', run: core.state.tickets })), ['interrupt-checkpoint', '{}'])
  t.notOk(isColoBroken(core.state))
})
