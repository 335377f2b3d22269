/** What can be done to a world of cores, as data that reads like a line of a script. */
import * as fc from 'fast-check'
import type { Fate } from '../../src/channel/simulated-network.ts'
import type { Fact } from '../../src/core/index.ts'
import type { CoreWorld } from '../worlds/core-world.ts'
import { anyCommand, invalidCommand, validCommand, type CommandCall } from './command-calls.ts'
import { anyFact } from './facts.ts'

/** One thing to do. */
export type CoreAction =
  | { readonly do: 'migrate' }
  /** Migrates, and lets things happen until the pair runs in lock-step. */
  | { readonly do: 'pair up' }
  | { readonly do: 'command'; readonly to: 'source' | 'destination'; readonly call: CommandCall }
  /** One of the things that may happen next, by its place in the list of them. */
  | { readonly do: 'next'; readonly index: number }
  /** Lets things happen, in the order in which they came up, until the source is in a state. */
  | { readonly do: 'until'; readonly state: string }
  | { readonly do: 'advance'; readonly millis: number }
  /** A fact of a run that is over, once more. */
  | { readonly do: 'again'; readonly index: number }
  | { readonly do: 'cut'; readonly fate: Fate }
  | { readonly do: 'crash'; readonly who: 'source' | 'destination' }
  | { readonly do: 'refuse'; readonly on: boolean }
  /** A guest in COLO: sends a packet, comes to differ from its copy, waits in vain for its like, shuts down. */
  | { readonly do: 'send' | 'diverge' | 'lose' | 'shut-down'; readonly who: 'source' | 'destination' }
  /** The next checkpoint cannot be loaded: nothing of it, or only a part. */
  | { readonly do: 'fail-load'; readonly how: 'intact' | 'torn' }
  /** The fence cannot confirm anything. */
  | { readonly do: 'fail-fence'; readonly on: boolean }
  /** A fact out of the blue. */
  | { readonly do: 'fact'; readonly fact: Fact }

/** The action as one line. */
export const coreActionText = (action: CoreAction): string => {
  switch (action.do) {
    case 'command': {
      const { name, arguments: args } = action.call
      return `${action.to}: ${name}${args === undefined ? '' : ` ${JSON.stringify(args)}`}`
    }
    case 'next':
      return `what may happen, ${action.index}`
    case 'until':
      return `until ${action.state}`
    case 'advance':
      return `advance ${action.millis} ms`
    case 'again':
      return `a late fact, ${action.index}`
    case 'cut':
      return `cut, ${action.fate}`
    case 'crash':
      return `crash the ${action.who}`
    case 'refuse':
    case 'fail-fence':
      return `${action.do} ${action.on ? 'on' : 'off'}`
    case 'send':
    case 'diverge':
    case 'lose':
    case 'shut-down':
      return `${action.who}: ${action.do}`
    case 'fail-load':
      return `the next load fails, ${action.how}`
    case 'fact':
      return `fact ${JSON.stringify(action.fact)}`
    default:
      return action.do
  }
}

/** Carries one action out. */
export const performOnCore = (world: CoreWorld, action: CoreAction): void => {
  const destination = world.destination?.party ?? ''
  switch (action.do) {
    case 'migrate':
      return world.migrate()
    case 'pair up':
      world.migrate()
      return world.until('primary.lockstep.running')
    case 'command':
      return world.command(action.to === 'source' ? 'source' : destination, action.call.name, action.call.arguments)
    case 'next':
      return world.next(action.index)
    case 'until':
      return world.until(action.state)
    case 'advance':
      return world.advance(action.millis)
    case 'again':
      return world.again(action.index)
    case 'cut':
      return world.cut(action.fate)
    case 'crash':
      return world.crash(action.who === 'source' ? 'source' : destination)
    case 'refuse':
      return world.refuse(action.on)
    case 'send':
    case 'diverge':
    case 'lose':
      return world.colo[action.do](action.who === 'source' ? 'source' : destination)
    case 'shut-down':
      return world.shutDown(action.who === 'source' ? 'source' : destination)
    case 'fail-load':
      return world.colo.failLoad(action.how)
    case 'fail-fence':
      return world.colo.failFence(action.on)
    case 'fact':
      return world.fact('source', action.fact)
  }
}

/** Migrations that were asked for. */
export interface CoreModel {
  migrations: number
}

/** An action as a command of a model-based run. */
export class CoreCommand implements fc.Command<CoreModel, CoreWorld> {
  readonly action: CoreAction

  constructor(action: CoreAction) {
    this.action = action
  }

  check({ migrations }: Readonly<CoreModel>): boolean {
    return migrations > 0 || !['next', 'until', 'cut', 'crash', 'again'].includes(this.action.do)
  }

  run(model: CoreModel, world: CoreWorld): void {
    if (this.action.do === 'migrate' || this.action.do === 'pair up') model.migrations++
    performOnCore(world, this.action)
  }

  toString(): string {
    return coreActionText(this.action)
  }
}

const act = (arbitrary: fc.Arbitrary<CoreAction>): fc.Arbitrary<CoreCommand> =>
  arbitrary.map((action) => new CoreCommand(action))

const next = fc.nat(5).map<CoreAction>((index) => ({ do: 'next', index }))
const migrate = fc.constant<CoreAction>({ do: 'migrate' })
const source = (call: fc.Arbitrary<CommandCall>) =>
  call.map<CoreAction>((call) => ({ do: 'command', to: 'source', call }))
const cancel = source(fc.constant({ name: 'migrate_cancel' }))
const advance = fc.nat(1000).map<CoreAction>((millis) => ({ do: 'advance', millis }))

const until = fc
  .constantFrom(
    'setup.starting',
    'active.iterating',
    'active.completing',
    'active.preparing',
    'active.committing',
    'active.inquiring',
    'pre-switchover.precopy',
    'device.completing',
    'device.committing',
    'postcopy-active.packaging',
    'postcopy-active.running',
    'cancelling.ending',
    'cancelled',
    'failed.settled',
    'completed.ending',
    'completed.settled',
  )
  .map<CoreAction>((state) => ({ do: 'until', state }))

/** Sequences for a pair in a world that keeps to its own rules. */
export const pairCommands: fc.Arbitrary<CoreCommand>[] = [
  ...Array.from({ length: 3 }, () => [act(next), act(until)]).flat(),
  ...Array.from({ length: 2 }, () => [act(migrate), act(cancel)]).flat(),
  act(source(fc.constantFrom({ name: 'stop' }, { name: 'cont' }, { name: 'migrate-start-postcopy' }))),
  act(source(fc.constant({ name: 'migrate-continue', arguments: { state: 'pre-switchover' } }))),
  act(
    source(
      fc.oneof(
        validCommand.filter(({ name }) => !name.includes('colo')),
        invalidCommand,
      ),
    ),
  ),
  act(
    fc
      .constantFrom<CommandCall>(
        { name: 'stop' },
        { name: 'cont' },
        { name: 'migrate_cancel' },
        { name: 'migrate-incoming', arguments: { uri: 'tcp:x:1' } },
        { name: 'migrate', arguments: { uri: 'tcp:x:1' } },
      )
      .map<CoreAction>((call) => ({ do: 'command', to: 'destination', call })),
  ),
  act(fc.constantFrom<Fate>('delivered', 'dropped').map<CoreAction>((fate) => ({ do: 'cut', fate }))),
  act(fc.nat(9).map<CoreAction>((index) => ({ do: 'again', index }))),
  act(
    fc.oneof(
      advance,
      fc.constantFrom('destination' as const, 'source' as const).map<CoreAction>((who) => ({ do: 'crash', who })),
      fc.boolean().map<CoreAction>((on) => ({ do: 'refuse', on })),
    ),
  ),
]

const lockStepUntil = fc
  .constantFrom(
    'primary.lockstep.entering',
    'primary.lockstep.running',
    'primary.lockstep.saving',
    'primary.lockstep.sent',
    'primary.lockstep.received',
    'secondary:secondary.lockstep.waiting',
    'secondary:secondary.lockstep.receiving',
    'secondary:secondary.lockstep.loading.applying',
    'colo',
    'completed.survivor',
  )
  .map<CoreAction>((state) => ({ do: 'until', state }))

const side = fc.constantFrom('source' as const, 'destination' as const)
const toEither = (...calls: readonly CommandCall[]) =>
  fc.tuple(side, fc.constantFrom(...calls)).map<CoreAction>(([to, call]) => ({ do: 'command', to, call }))
const ofGuest = (...what: readonly ('send' | 'diverge' | 'lose' | 'shut-down')[]) =>
  fc.tuple(fc.constantFrom(...what), side).map<CoreAction>(([what, who]) => ({ do: what, who }))

/** Sequences for a pair that goes on in lock-step: packets, checkpoints, and everything that ends them. */
export const coloCommands: fc.Arbitrary<CoreCommand>[] = [
  ...Array.from({ length: 3 }, () => act(fc.constant<CoreAction>({ do: 'pair up' }))),
  ...Array.from({ length: 4 }, () => [act(next), act(lockStepUntil), act(ofGuest('send'))]).flat(),
  act(migrate),
  act(ofGuest('diverge', 'lose')),
  act(toEither({ name: 'x-colo-lost-heartbeat' })),
  act(toEither({ name: 'stop' }, { name: 'cont' })),
  act(
    toEither(
      { name: 'migrate_cancel' },
      { name: 'query-migrate' },
      { name: 'migrate-set-parameters', arguments: { 'x-checkpoint-delay': 100 } },
      { name: 'migrate-set-capabilities', arguments: { capabilities: [{ capability: 'xbzrle', state: true }] } },
    ),
  ),
  act(fc.constantFrom<Fate>('delivered', 'dropped').map<CoreAction>((fate) => ({ do: 'cut', fate }))),
  act(side.map<CoreAction>((who) => ({ do: 'crash', who }))),
  act(
    fc.oneof(
      ofGuest('shut-down'),
      fc.constantFrom('intact' as const, 'torn' as const).map<CoreAction>((how) => ({ do: 'fail-load', how })),
      fc.boolean().map<CoreAction>((on) => ({ do: 'fail-fence', on })),
      fc.nat(9).map<CoreAction>((index) => ({ do: 'again', index })),
    ),
  ),
]

/** Sequences for one core and a world that makes no sense: any command, any fact. */
export const stormCommands: fc.Arbitrary<CoreCommand>[] = [
  act(anyFact.map<CoreAction>((fact) => ({ do: 'fact', fact }))),
  act(anyFact.map<CoreAction>((fact) => ({ do: 'fact', fact }))),
  act(anyFact.map<CoreAction>((fact) => ({ do: 'fact', fact }))),
  act(source(anyCommand)),
  act(source(fc.constant({ name: 'migrate', arguments: { uri: 'tcp:destination:4444' } }))),
  act(advance),
]
