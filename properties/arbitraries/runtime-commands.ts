/**
 * What can be done to a world of processes, as data that reads like a line of a script: commands to either side, valid,
 * invalid and at once; time; faults. A command may come at any moment: that one is refused is as good as that one is taken.
 */
import * as fc from 'fast-check'
import type { Direction, Fate } from '../../src/channel/simulated-network.ts'
import type { RuntimeWorld } from '../worlds/runtime-world.ts'
import { invalidCommand, type CommandCall } from './command-calls.ts'

/** One thing to do. */
export type RuntimeAction =
  /** Sends the guest to a destination that waits; one is started if there is none. */
  | { readonly do: 'migrate' }
  | { readonly do: 'cancel' }
  /** A broken postcopy is to go on at another place. */
  | { readonly do: 'mend' }
  | { readonly do: 'continue'; readonly state: string }
  | { readonly do: 'advance'; readonly millis: number }
  | { readonly do: 'command'; readonly to: 'source' | 'destination'; readonly call: CommandCall }
  /** Two commands before either is answered. */
  | { readonly do: 'race'; readonly first: CommandCall; readonly second: CommandCall }
  /** A command at the very step in which the source next enters a state. */
  | { readonly do: 'when'; readonly state: string; readonly call: CommandCall }
  | { readonly do: 'cut'; readonly fate: Fate }
  /** Breaks the next connection at its n-th message. */
  | { readonly do: 'cut-at'; readonly direction: Direction; readonly message: number; readonly fate: Fate }
  /** The host of a party loses power. */
  | { readonly do: 'crash'; readonly who: 'source' | 'destination' }
  | { readonly do: 'refuse'; readonly on: boolean }
  | { readonly do: 'freeze'; readonly on: boolean }
  /** Migrates, and lets time pass until the pair goes on in lock-step. */
  | { readonly do: 'pair up' }
  /** Lets time pass until lock-step of a side is in a state. */
  | { readonly do: 'until'; readonly who: Side; readonly state: string }
  /** Packets of a pair cannot be compared any more. */
  | { readonly do: 'cut-compare' }
  /** The guest of a side shuts down. */
  | { readonly do: 'shut-down'; readonly who: Side }
  /** The next checkpoint cannot be loaded: nothing of it, or only a part. */
  | { readonly do: 'fail-load'; readonly how: 'intact' | 'torn' }

/** A side of the pair: the source and the destination that was started last. */
export type Side = 'source' | 'destination'

const callText = ({ name, arguments: args }: CommandCall): string =>
  args === undefined ? name : `${name} ${JSON.stringify(args)}`

/** The action as one line. */
export const actionText = (action: RuntimeAction): string => {
  switch (action.do) {
    case 'continue':
      return `continue from ${action.state}`
    case 'advance':
      return `advance ${action.millis} ms`
    case 'command':
      return `${action.to}: ${callText(action.call)}`
    case 'race':
      return `race: ${callText(action.first)} | ${callText(action.second)}`
    case 'when':
      return `when ${action.state}: ${callText(action.call)}`
    case 'cut':
      return `cut, ${action.fate}`
    case 'cut-at':
      return `cut the next connection at message ${action.message} ${action.direction}, ${action.fate}`
    case 'crash':
      return `crash the ${action.who}`
    case 'refuse':
    case 'freeze':
      return `${action.do} ${action.on ? 'on' : 'off'}`
    case 'until':
      return `until ${action.who} is in ${action.state}`
    case 'shut-down':
      return `the guest of the ${action.who} shuts down`
    case 'fail-load':
      return `the next load fails, ${action.how}`
    default:
      return action.do
  }
}

/** Carries one action out. */
export const perform = async (world: RuntimeWorld, action: RuntimeAction): Promise<void> => {
  const partyOf = (who: Side): string => (who === 'source' ? who : (world.destination?.party ?? ''))
  switch (action.do) {
    case 'migrate':
      return world.migrate()
    case 'mend':
      return world.mend()
    case 'cancel':
      return world.command('source', 'migrate_cancel')
    case 'continue':
      return world.command('source', 'migrate-continue', { state: action.state })
    case 'advance':
      return world.advance(action.millis)
    case 'command': {
      const party = action.to === 'source' ? 'source' : world.destination?.party
      return party === undefined ? undefined : world.command(party, action.call.name, action.call.arguments)
    }
    case 'race':
      return world.race(
        [action.first, action.second].map(({ name, arguments: args }) => ['source', name, args] as const),
      )
    case 'when':
      return world.commandWhen(action.state, action.call.name, action.call.arguments)
    case 'cut':
      return world.cut(action.fate)
    case 'cut-at': {
      const { direction, message, fate } = action
      return world.cutAt({ connection: world.network.connections.length, direction, at: { message }, fate })
    }
    case 'crash':
      return world.crash(partyOf(action.who))
    case 'refuse':
      return world.refuse(action.on)
    case 'freeze':
      return world.freeze(action.on)
    case 'pair up':
      return world.pairUp()
    case 'until':
      return world.untilColo(partyOf(action.who), action.state)
    case 'cut-compare':
      return world.cutCompare()
    case 'shut-down':
      return world.shutDown(partyOf(action.who))
    case 'fail-load':
      return world.service?.failLoad(action.how)
  }
}

/** What the operator knows: nothing that the world could not tell, as a command may come at any moment. */
export interface RuntimeModel {
  migrations: number
}

/** An action as a command of a model-based run. */
export class RuntimeCommand implements fc.AsyncCommand<RuntimeModel, RuntimeWorld> {
  readonly action: RuntimeAction

  constructor(action: RuntimeAction) {
    this.action = action
  }

  /** Before the first migration there is nothing to crash or to freeze, so nothing is wasted on it. */
  check({ migrations }: Readonly<RuntimeModel>): boolean {
    return migrations > 0 || !['crash', 'cut', 'cancel', 'continue', 'race', 'until'].includes(this.action.do)
  }

  async run(model: RuntimeModel, world: RuntimeWorld): Promise<void> {
    if (this.action.do === 'migrate' || this.action.do === 'pair up') model.migrations++
    await perform(world, this.action)
  }

  toString(): string {
    return actionText(this.action)
  }
}

const fate = fc.constantFrom<Fate>('delivered', 'dropped')

const running: fc.Arbitrary<CommandCall> = fc.oneof(
  fc.constantFrom<CommandCall>(
    { name: 'migrate_cancel' },
    { name: 'stop' },
    { name: 'cont' },
    { name: 'query-migrate' },
    { name: 'migrate-continue', arguments: { state: 'pre-switchover' } },
    { name: 'migrate', arguments: { uri: 'tcp:nowhere:1' } },
    { name: 'migrate-incoming', arguments: { uri: 'tcp:nowhere:1' } },
  ),
  fc.record({
    name: fc.constant('migrate-set-parameters'),
    arguments: fc.oneof(
      fc.record({ 'max-bandwidth': fc.constantFrom(1, 100_000, 1_000_000, 10_000_000, 0) }),
      fc.record({ 'downtime-limit': fc.constantFrom(0, 1, 30, 300, 2_000_000) }),
      fc.record({ 'xbzrle-cache-size': fc.constantFrom(4096, 16_384, 65_536) }),
    ),
  }),
  fc.record({
    name: fc.constant('migrate-set-capabilities'),
    arguments: fc.record({
      capabilities: fc.tuple(
        fc.record({
          capability: fc.constantFrom('pause-before-switchover', 'return-path', 'xbzrle', 'postcopy-ram'),
          state: fc.boolean(),
        }),
      ),
    }),
  }),
)

const anyState = fc.constantFrom(
  'setup.connecting',
  'setup.starting',
  'active.iterating',
  'active.completing',
  'active.preparing',
  'active.committing',
  'active.inquiring',
  'pre-switchover.precopy',
  'device.completing',
  'device.committing',
  'cancelling.ending',
  'failed.ending',
  'completed.ending',
  'cancelled',
)

const act = (arbitrary: fc.Arbitrary<RuntimeAction>): fc.Arbitrary<RuntimeCommand> =>
  arbitrary.map((action) => new RuntimeCommand(action))

/** Milliseconds: within a pass, about a pass, and long enough for a whole run. */
const advance = fc.oneof(
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 20, max: 90 }),
  fc.integer({ min: 90, max: 400 }),
)

const migrateAction = fc.constant<RuntimeAction>({ do: 'migrate' })
const advanceAction = advance.map<RuntimeAction>((millis) => ({ do: 'advance', millis }))
const cancelAction = fc.constant<RuntimeAction>({ do: 'cancel' })

/**
 * The actions, each an arbitrary of its own so that a sequence is a fair mix. Those that make a run, let it go on and
 * end it come more than once: two runs in a row are where most bugs of reset are.
 */
export const runtimeCommands: fc.Arbitrary<RuntimeCommand>[] = [
  ...Array.from({ length: 4 }, () => [act(migrateAction), act(advanceAction), act(cancelAction)]).flat(),
  act(fc.constantFrom('pre-switchover', 'active').map<RuntimeAction>((state) => ({ do: 'continue', state }))),
  act(running.map<RuntimeAction>((call) => ({ do: 'command', to: 'source', call }))),
  act(
    fc
      .record({
        to: fc.constantFrom('source' as const, 'destination' as const),
        call: fc.oneof(running, invalidCommand),
      })
      .map<RuntimeAction>(({ to, call }) => ({ do: 'command', to, call })),
  ),
  act(fc.tuple(running, running).map<RuntimeAction>(([first, second]) => ({ do: 'race', first, second }))),
  act(fc.record({ state: anyState, call: running }).map<RuntimeAction>((when) => ({ do: 'when', ...when }))),
  act(fate.map<RuntimeAction>((fate) => ({ do: 'cut', fate }))),
  act(
    fc
      .record({
        direction: fc.constantFrom<Direction>('forward', 'back'),
        message: fc.integer({ min: 1, max: 40 }),
        fate,
      })
      .map<RuntimeAction>((cut) => ({ do: 'cut-at', ...cut })),
  ),
  act(
    fc.oneof(
      fc.constantFrom('destination' as const, 'source' as const).map<RuntimeAction>((who) => ({ do: 'crash', who })),
      fc.boolean().map<RuntimeAction>((on) => ({ do: 'refuse', on })),
      fc.boolean().map<RuntimeAction>((on) => ({ do: 'freeze', on })),
    ),
  ),
]
