/** Compiled charts against XState, on every reachable state and event; and what a chart may not have. */
import t from 'tap'
import { and, assign, not, or, raise, setup, stateIn, type AnyStateMachine } from 'xstate'
import {
  coloMachine,
  failoverMachine,
  guestMachine,
  imagesMachine,
  incomingMachine,
  outgoingMachine,
  processMachine,
  quirks,
  replicationMachine,
  type ChartOptions,
} from '../../../machines/index.ts'
import { alphabet, synchronisations } from '../alphabet.ts'
import type { Automaton } from './automaton.ts'
import { ChartNotFinite } from './chart-not-finite.ts'
import { compile } from './compile.ts'
import { DenseTable } from './dense-table.ts'
import { referee } from './referee.ts'

const compare = (
  machine: AnyStateMachine,
  events: readonly { readonly type: string }[] = [...alphabet, ...synchronisations],
) => referee(machine, new DenseTable(compile(machine, events)))

const variants: readonly ChartOptions[] = [
  {},
  { profile: '7.2' },
  ...quirks.flatMap(({ id, profiles }) => profiles.map((profile) => ({ profile, quirks: new Set([id]) }))),
]

t.test('each chart, in every profile and with every quirk', async (t) => {
  // Most quirks change one chart or none.
  const seen = new Set<string>()
  for (const options of variants)
    for (const machine of [
      outgoingMachine(options),
      incomingMachine({ ...options, incoming: true }),
      guestMachine(options),
      imagesMachine(options),
      coloMachine(options),
      failoverMachine({ ...options, fence: true }),
      replicationMachine(options),
    ]) {
      const shape = JSON.stringify(machine.config)
      if (seen.has(shape)) continue
      seen.add(shape)
      const { disagreement, questions } = compare(machine)
      t.ok(questions > 0)
      t.equal(disagreement, undefined, `${machine.id} ${JSON.stringify([options.profile, ...(options.quirks ?? [])])}`)
    }
})

/** What a process that sends is told; of the capabilities all or none, and COLO or not. */
const sending = (colo: boolean) =>
  alphabet.filter(
    (event) =>
      !/^(incoming|replication)\./.test(event.type) &&
      (event.type !== 'migrate-set-capabilities' || (event.pause === event.postcopy && event.colo === colo)) &&
      (!colo || !/^(guest|devices)\.|^outgoing\.(outcome|postcopy|package)|^xen-|^system_reset/.test(event.type)),
  )

t.test('the chart of a process, with all its regions', async (t) => {
  for (const colo of [false, true]) {
    const source = compare(processMachine(), sending(colo))
    t.equal(source.disagreement, undefined)
    t.ok(source.states > 1000, `${source.states} states, ${source.questions} questions`)
  }
  const arrives = alphabet.filter(({ type }) => !type.startsWith('outgoing.') && type !== 'migrate')
  const destination = compare(processMachine({ incoming: true }), arrives)
  t.equal(destination.disagreement, undefined)
  t.ok(destination.states > 1000, `${destination.states} states`)
})

/** What the charts of the project do not use, and others may. */
const oddity = setup({
  types: {
    context: {} as { count: number; flag: boolean },
    events: {} as
      | { type: 'up' }
      | { type: 'down' }
      | { type: 'set'; to: boolean }
      | { type: 'ring.loud' }
      | { type: 'ring.soft' }
      | { type: 'again' }
      | { type: 'inside' }
      | { type: 'deep' },
  },
  guards: {
    atLeast: ({ context }, params: { n: number }) => context.count >= params.n,
    low: ({ context }) => context.count < 3,
    mixed: and([or(['low', ({ context }) => context.flag]), not(stateIn({ right: 'open' }))]),
  },
  actions: {
    say: (_, _params: { word: string | number }) => {},
    leave: () => {},
    enter: () => {},
    begin: () => {},
  },
}).createMachine({
  id: 'oddity',
  type: 'parallel',
  context: { count: 0, flag: false },
  on: { down: { actions: { type: 'say', params: { word: 'nobody' } } } },
  states: {
    left: {
      initial: 'a',
      entry: 'enter',
      exit: 'leave',
      states: {
        a: {
          exit: [{ type: 'say', params: ({ context }) => ({ word: context.count }) }],
          on: {
            up: [
              { guard: { type: 'atLeast', params: { n: 3 } }, target: 'b' },
              { guard: 'mixed', actions: assign({ count: ({ context }) => Math.min(4, context.count + 1) }) },
            ],
            'ring.*': { actions: { type: 'say', params: { word: 'pattern' } } },
            'ring.loud': [{ guard: ({ context }) => context.flag, target: 'b' }],
          },
        },
        b: {
          initial: { target: 'b1', actions: 'begin' },
          entry: [{ type: 'say', params: ({ event }) => ({ word: event.type }) }, raise({ type: 'deep' })],
          exit: 'leave',
          states: {
            b1: { entry: 'enter', exit: 'leave', on: { deep: 'b2' } },
            b2: { always: { guard: 'low', target: '#oddity.left.a' } },
          },
          on: {
            again: { target: 'b', reenter: true },
            inside: '.b2',
            '*': { target: 'a', actions: assign({ count: 0 }) },
          },
        },
      },
      on: { set: { actions: assign(({ event }) => ({ flag: event.type === 'set' && event.to })) } },
    },
    right: {
      initial: 'shut',
      states: {
        shut: {
          on: {
            set: { guard: ({ event }) => event.to, target: 'open' },
            down: {},
          },
        },
        open: {
          entry: raise(({ context }) => ({ type: context.flag ? 'ring.loud' : 'ring.soft' })),
          always: { guard: not(stateIn('#oddity.left.a')), target: 'shut', actions: 'leave' },
          on: { up: { actions: raise({ type: 'down' }) } },
        },
      },
    },
  },
})

const oddEvents = [
  ...['up', 'down', 'ring.loud', 'ring.soft', 'again', 'inside', 'deep'].map((type) => ({ type })),
  { type: 'set', to: true },
  { type: 'set', to: false },
]

t.test(
  'guards with parameters, patterns, reentry, eventless transitions, raised events that depend on the context',
  async (t) => {
    const { disagreement, states } = compare(oddity, oddEvents)
    t.equal(disagreement, undefined)
    t.ok(states >= 8, `${states} states`)
  },
)

t.test('a comparison can fail: what enters before it leaves is noticed', async (t) => {
  const machine = incomingMachine({ incoming: true })
  const right = compile(machine, alphabet)
  const wrong: Automaton = {
    ...right,
    regions: right.regions.map((region) => ({
      ...region,
      handlers: region.handlers.map((handlers) =>
        handlers?.map((transitions) =>
          transitions.map((each) => ({ ...each, actions: each.entries, entries: each.actions })),
        ),
      ),
    })),
  }
  const { disagreement } = referee(machine, new DenseTable(wrong))
  t.match(disagreement, { event: { type: 'incoming.ended' } })
})

t.test('what is not finite is refused by name', async (t) => {
  const start = setup({})
  const refused = (machine: AnyStateMachine, found: RegExp) =>
    t.throws(() => compile(machine, [{ type: 'go' }]), { _tag: 'ChartNotFinite', message: found } as never)
  refused(start.createMachine({ initial: 'a', states: { a: { after: { 1: 'b' } }, b: {} } }), /a delayed transition/)
  refused(start.createMachine({ initial: 'a', states: { a: { type: 'final' } } }), /a final state/)
  refused(
    start.createMachine({ initial: 'a', states: { a: { type: 'parallel', states: { b: {}, c: {} } } } }),
    /a parallel state/,
  )
  refused(
    start.createMachine({
      type: 'parallel',
      states: { a: { on: { go: '#c' } }, b: { initial: 'c', states: { c: { id: 'c' } } } },
    }),
    /expected a target in .*, found c/,
  )
  const counting = setup({ types: { context: {} as { n: number } } }).createMachine({
    context: { n: 0 },
    on: { go: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
  })
  refused(counting, /member n of the context: expected at most 64 values/)
  const holding = setup({ types: { context: {} as { list: readonly string[] } } }).createMachine({
    context: { list: [] },
  })
  refused(holding, /member list of the context: expected strings, numbers and booleans, found object/)
  t.ok(new ChartNotFinite('a', 'b', 'c') instanceof Error)
})
