/**
 * A chart in an open world: it is told everything that it can be told, in any order, whether or not it makes sense. What
 * holds here holds whatever a process meets.
 */
import type { AnyStateMachine } from 'xstate'
import {
  guestMachine,
  imagesMachine,
  incomingMachine,
  invariant,
  outgoingMachine,
  processMachine,
  statusesOf,
  successors,
  type ChartOptions,
  type Profile,
} from '../../../machines/index.ts'
import { alphabet } from '../alphabet.ts'
import type { CompiledEvent, CompiledOutput } from '../compile/automaton.ts'
import { compile } from '../compile/compile.ts'
import {
  all,
  breach,
  is,
  isIn,
  isNot,
  not,
  set,
  tell,
  when,
  yes,
  type Model,
  type ModelProperty,
  type Statement,
} from '../model/language.ts'

/** Sides whose statuses are looked at. */
type Side = 'outgoing' | 'incoming'

interface OpenModel {
  readonly name: string
  readonly about: string
  readonly machine: AnyStateMachine
  readonly profile: Profile
  /** The side whose status the chart publishes; undefined where it publishes none, or both. */
  readonly side?: Side
  readonly events?: readonly CompiledEvent[]
  readonly properties?: readonly ModelProperty[]
}

const eventText = ({ type, ...members }: CompiledEvent): string =>
  Object.keys(members).length === 0 ? type : `${type} ${JSON.stringify(members)}`

/** Edges of a status: none but those of QEMU's source, and never the same one twice. */
const publish = (profile: Profile, side: Side, { type, params }: CompiledOutput): readonly Statement[] => {
  if (type !== 'emitMigration') return []
  const { status, unconditional } = params as { readonly status: string; readonly unconditional?: boolean }
  if (unconditional) return []
  const before = statusesOf(profile).filter((each) => successors(side, profile, each).includes(status))
  return [
    when(is('published', status), [breach('I13')]),
    when(isNot('published', status, ...before), [breach('I5')]),
    set('published', status),
  ]
}

const makeOpen = ({ name, about, machine, profile, side, events, properties = [] }: OpenModel): Model => {
  const told = events ?? alphabet.map((event): CompiledEvent => ({ ...event }))
  const party = 'chart'
  return {
    name,
    about: [about, `profile ${profile}`, `told ${told.length} events in any order`],
    parties: [
      {
        name: party,
        automaton: compile(machine, told),
        carryOut: (output) => (side === undefined ? [] : publish(profile, side, output)),
        afterwards: [],
      },
    ],
    variables: side === undefined ? [] : [{ name: 'published', values: statusesOf(profile) }],
    rules: told.map((event) => ({
      name: eventText(event),
      lane: party,
      kind: event.type.includes('.') ? 'progress' : 'operator',
      when: yes,
      does: [tell(party, event)],
    })),
    properties: [
      ...(side === undefined
        ? []
        : ([
            { ...invariant('I5'), kind: 'breach' },
            { ...invariant('I13'), kind: 'breach' },
          ] satisfies readonly ModelProperty[])),
      ...properties,
    ],
  }
}

/** MigrationStatus of the source. */
export const outgoingModel = (options: ChartOptions = {}): Model =>
  makeOpen({
    name: 'outgoing',
    about: 'the chart of the outgoing side alone',
    machine: outgoingMachine(options),
    profile: options.profile ?? '2.11',
    side: 'outgoing',
  })

/** MigrationStatus of the destination. */
export const incomingModel = (options: ChartOptions = {}): Model =>
  makeOpen({
    name: 'incoming',
    about: 'the chart of the incoming side alone, started with -incoming defer',
    machine: incomingMachine({ ...options, incoming: true }),
    profile: options.profile ?? '2.11',
    side: 'incoming',
  })

/** The run state of a guest. */
export const guestModel = (options: ChartOptions = {}): Model =>
  makeOpen({
    name: 'guest',
    about: 'the chart of the guest alone',
    machine: guestMachine(options),
    profile: options.profile ?? '2.11',
  })

/** The image locks. */
export const imagesModel = (options: ChartOptions = {}): Model =>
  makeOpen({
    name: 'images',
    about: 'the chart of the images alone',
    machine: imagesMachine(options),
    profile: options.profile ?? '2.11',
  })

const committed = ['active', 'device', 'postcopy-active'].flatMap((status) => [
  `${status}.committing`,
  `${status}.inquiring`,
])

/** What a process keeps to whatever it is told. */
const processProperties = (): readonly ModelProperty[] => {
  const runs = isIn('chart', 'guest', 'running')
  return [
    { ...invariant('I3'), kind: 'never', when: all(runs, not(isIn('chart', 'images', 'held'))) },
    {
      ...invariant('I4'),
      kind: 'never',
      when: all(runs, isIn('chart', 'outgoing', ...committed, 'postcopy-active.running')),
    },
    {
      id: 'can complete',
      text: 'A process can complete.',
      kind: 'sometimes',
      when: isIn('chart', 'outgoing', 'completed.settled'),
    },
  ]
}

/** One process that sends its guest, told everything but what only an incoming side is told. */
export const processModel = (options: ChartOptions = {}): Model =>
  makeOpen({
    name: 'process',
    about: 'one process with all its charts, started with a guest',
    machine: processMachine(options),
    profile: options.profile ?? '2.11',
    side: 'outgoing',
    events: alphabet.filter(({ type }) => !type.startsWith('incoming.')).map((event) => ({ ...event })),
    properties: processProperties(),
  })

/** One process that receives a guest, told everything but what only a sending side is told. */
export const destinationModel = (options: ChartOptions = {}): Model =>
  makeOpen({
    name: 'destination',
    about: 'one process with all its charts, started with -incoming defer',
    machine: processMachine({ ...options, incoming: true }),
    profile: options.profile ?? '2.11',
    side: 'incoming',
    events: alphabet
      .filter(({ type }) => !type.startsWith('outgoing.') && type !== 'migrate')
      .map((event) => ({ ...event })),
    properties: [
      {
        ...invariant('I3'),
        kind: 'never',
        when: all(isIn('chart', 'guest', 'running'), not(isIn('chart', 'images', 'held', 'mirrored'))),
      },
    ],
  })
