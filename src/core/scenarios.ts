/**
 * A way into every status that a process can show, as inputs of the core: what the table of commands and the recorded
 * errors are tried in. The run of a fact is filled in from the state, so that a way can be written down as data.
 */
import type { Profile, QuirkId } from '../../machines/index.ts'
import { start, type CoreOptions, type CoreState } from './core-state.ts'
import type { Fact } from './fact.ts'
import type { CoreOutput } from './output.ts'
import { step } from './step.ts'

type WithoutRun<F> = F extends Fact ? Omit<F, 'run'> : never

/** A command (a name, arguments) or a fact (a type, the rest of it). */
export type ScenarioInput = readonly ['command', string, unknown?] | readonly ['fact', WithoutRun<Fact>]

/** A way into a state, and what the state is called. */
export interface Scenario {
  /** The status, or for a guest its run state; in brackets what is below it. */
  readonly name: string
  readonly side: 'outgoing' | 'incoming' | 'guest'
  /** Default: both. */
  readonly profiles?: readonly Profile[]
  readonly options?: Pick<CoreOptions, 'incoming' | 'autostart'>
  /** Switched on before anything else. */
  readonly capabilities?: readonly string[]
  readonly inputs: readonly ScenarioInput[]
}

const command = (name: string, given?: unknown): ScenarioInput => ['command', name, given]
const fact = (news: WithoutRun<Fact>): ScenarioInput => ['fact', news]
const cause = { reason: 'gone', side: 'channel' } as const

const migrates = command('migrate', { uri: 'tcp:host:4444' })
const connects = fact({ type: 'outgoing.connected', returnPath: true })
const begins = [migrates, connects, fact({ type: 'outgoing.setup-done', setupMillis: 3 })]
const converges = [...begins, fact({ type: 'outgoing.converged' })]
const flushes = [fact({ type: 'outgoing.flushed' }), fact({ type: 'outgoing.prepared' })]
const commits = [...converges, ...flushes]
const ends = fact({ type: 'outgoing.ended' })
const fails = fact({ type: 'outgoing.failed', ...cause })
const cancels = command('migrate_cancel')
const loaded = fact({ type: 'outgoing.loaded' })
const packages = [...begins, command('migrate-start-postcopy'), fact({ type: 'outgoing.postcopy' })]
const leaves = [...packages, fact({ type: 'outgoing.prepared' })]
const sends = [...leaves, fact({ type: 'outgoing.package-sent' })]
const resumes = command('migrate', { uri: 'tcp:host:4444', resume: true })
const goesOn = command('migrate-continue', { state: 'pre-switchover' })

const entersColo = [...commits, fact({ type: 'outgoing.colo-ready' })]
const checkpoints = [
  ...entersColo,
  fact({ type: 'outgoing.checkpoint-due' }),
  fact({ type: 'outgoing.checkpoint-reply' }),
]
const heartbeat = command('x-colo-lost-heartbeat')

const outgoing: readonly Omit<Scenario, 'side'>[] = [
  { name: 'none', inputs: [] },
  { name: 'setup', inputs: [migrates] },
  { name: 'setup (starting)', inputs: [migrates, connects] },
  { name: 'active', inputs: begins },
  { name: 'active (completing)', inputs: converges },
  { name: 'active (committing)', inputs: commits },
  { name: 'active (inquiring)', inputs: [...commits, fails] },
  { name: 'postcopy-active (packaging)', capabilities: ['postcopy-ram'], inputs: packages },
  { name: 'postcopy-active (committing)', capabilities: ['postcopy-ram'], inputs: leaves },
  { name: 'postcopy-active (inquiring)', capabilities: ['postcopy-ram'], inputs: [...leaves, fails] },
  { name: 'postcopy-active', capabilities: ['postcopy-ram'], inputs: sends },
  { name: 'pre-switchover', capabilities: ['pause-before-switchover'], inputs: converges },
  {
    name: 'pre-switchover (postcopy)',
    capabilities: ['pause-before-switchover', 'postcopy-ram'],
    inputs: [...begins, command('migrate-start-postcopy'), fact({ type: 'outgoing.postcopy' })],
  },
  { name: 'device', capabilities: ['pause-before-switchover'], inputs: [...converges, goesOn] },
  {
    name: 'device (committing)',
    capabilities: ['pause-before-switchover'],
    inputs: [...converges, goesOn, ...flushes],
  },
  { name: 'cancelling', inputs: [...begins, cancels] },
  { name: 'cancelled', inputs: [...begins, cancels, ends] },
  { name: 'completed (ending)', inputs: [...commits, loaded] },
  { name: 'completed', inputs: [...commits, loaded, ends] },
  { name: 'completed (continued)', inputs: [...commits, loaded, ends, command('cont')] },
  { name: 'failed (ending)', inputs: [...begins, fails] },
  { name: 'failed', inputs: [...begins, fails, ends] },
  {
    name: 'failed (abandoned)',
    inputs: [...commits, fails, fact({ type: 'outgoing.outcome-unknown', reason: 'nobody answers' }), ends],
  },
  { name: 'colo (entering)', capabilities: ['x-colo'], inputs: commits },
  { name: 'colo', capabilities: ['x-colo'], inputs: entersColo },
  { name: 'colo (checkpoint)', capabilities: ['x-colo'], inputs: checkpoints },
  { name: 'colo (apart)', capabilities: ['x-colo'], inputs: [...entersColo, fails] },
  { name: 'colo (failover)', capabilities: ['x-colo'], inputs: [...entersColo, heartbeat] },
  {
    name: 'completed (alone)',
    capabilities: ['x-colo'],
    inputs: [...entersColo, heartbeat, fact({ type: 'outgoing.interrupted' }), ends],
  },
  {
    name: 'wait-unplug',
    profiles: ['7.2'],
    inputs: [migrates, connects, fact({ type: 'outgoing.unplug-wait' })],
  },
  { name: 'postcopy-paused', profiles: ['7.2'], capabilities: ['postcopy-ram'], inputs: [...sends, fails] },
  {
    name: 'postcopy-paused (connecting)',
    profiles: ['7.2'],
    capabilities: ['postcopy-ram'],
    inputs: [...sends, fails, resumes],
  },
  {
    name: 'postcopy-recover',
    profiles: ['7.2'],
    capabilities: ['postcopy-ram'],
    inputs: [...sends, fails, resumes, connects],
  },
]

const listens = command('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })
const accepts = [
  listens,
  fact({ type: 'incoming.bound', uri: 'tcp:127.0.0.1:4444' }),
  fact({ type: 'incoming.connected' }),
]
const prepares = [...accepts, fact({ type: 'incoming.prepared' })]
const runsHere = [
  ...accepts,
  fact({ type: 'incoming.advised' }),
  fact({ type: 'incoming.listening' }),
  fact({ type: 'incoming.running' }),
  fact({ type: 'incoming.start', running: true }),
]

const mirrors = [...prepares, fact({ type: 'incoming.colo', running: true })]
const loads = [
  ...mirrors,
  fact({ type: 'incoming.checkpoint-request' }),
  fact({ type: 'incoming.vmstate-send' }),
  fact({ type: 'incoming.vmstate-size' }),
  fact({ type: 'incoming.vmstate-staged' }),
]
const interrupts = fact({ type: 'incoming.interrupted' })

const incoming: readonly Omit<Scenario, 'side'>[] = [
  { name: 'none (deferred)', inputs: [] },
  { name: 'none (opening)', inputs: [listens] },
  { name: 'none (listening)', inputs: accepts.slice(0, 2) },
  { name: 'active', inputs: accepts },
  { name: 'active (prepared)', inputs: prepares },
  { name: 'postcopy-active', inputs: runsHere },
  { name: 'colo', inputs: mirrors },
  { name: 'colo (loading)', inputs: loads },
  { name: 'colo (apart)', inputs: [...mirrors, fact({ type: 'incoming.lost', ...cause })] },
  { name: 'colo (failover, loading)', inputs: [...loads, heartbeat, interrupts] },
  { name: 'completed (alone)', inputs: [...mirrors, heartbeat, interrupts] },
  { name: 'completed', inputs: [...prepares, fact({ type: 'incoming.ended', running: true })] },
  { name: 'failed', inputs: [...accepts, fact({ type: 'incoming.failed', ...cause })] },
  {
    name: 'postcopy-paused',
    profiles: ['7.2'],
    inputs: [...runsHere, fact({ type: 'incoming.lost', ...cause })],
  },
  {
    name: 'postcopy-recover',
    profiles: ['7.2'],
    inputs: [...runsHere, fact({ type: 'incoming.lost', ...cause }), fact({ type: 'incoming.recovering' })],
  },
]

const saves = [command('xen-save-devices-state', { filename: '/file' }), fact({ type: 'devices.saved' })]

const guest: readonly Omit<Scenario, 'side'>[] = [
  { name: 'prelaunch', options: { autostart: false }, inputs: [] },
  { name: 'paused', inputs: [command('stop')] },
  { name: 'paused (images released)', inputs: [command('stop'), ...saves] },
  { name: 'suspended', inputs: [fact({ type: 'guest.suspended' })] },
  { name: 'io-error', inputs: [fact({ type: 'guest.io-error' })] },
  { name: 'shutdown', inputs: [fact({ type: 'guest.shutdown' })] },
]

/** Every way of a profile: the outgoing statuses first, then the incoming ones, then stopped guests without a migration. */
export const scenarios = (profile: Profile): readonly Scenario[] =>
  [
    ...outgoing.map((one): Scenario => ({ ...one, side: 'outgoing' })),
    ...incoming.map((one): Scenario => ({ ...one, side: 'incoming', options: { incoming: 'defer' } })),
    ...guest.map((one): Scenario => ({ ...one, side: 'guest' })),
  ].filter(({ profiles }) => profiles?.includes(profile) !== false)

/** What differs between cores that go the same way. */
export interface ScenarioVariant {
  readonly profile?: Profile
  readonly quirks?: readonly QuirkId[]
  /** Switched on beside those of the scenario. */
  readonly capabilities?: readonly string[]
  readonly options?: CoreOptions
}

/** A core with the hand of a caller on its clock: gives the run of a fact, and keeps what each step said. */
export class ScenarioCore {
  state: CoreState
  nowMillis = 1000
  constructor(options: CoreOptions = {}) {
    this.state = start(options)
  }
  /** Hands the core one input. */
  take(input: ScenarioInput): readonly CoreOutput[] {
    const [next, outputs] =
      input[0] === 'command'
        ? step(this.state, { type: 'command', name: input[1], arguments: input[2], nowMillis: this.nowMillis })
        : step(this.state, { type: 'fact', fact: this.#fact(input[1]), nowMillis: this.nowMillis })
    this.state = next
    return outputs
  }
  /** Hands the core a fact with the run that it names. */
  tell(fact: Fact): readonly CoreOutput[] {
    const [next, outputs] = step(this.state, { type: 'fact', fact, nowMillis: this.nowMillis })
    this.state = next
    return outputs
  }
  /** Asks a command, without a note of what it does to the state. */
  try(name: string, given?: unknown): readonly [CoreState, readonly CoreOutput[]] {
    return step(this.state, { type: 'command', name, arguments: given, nowMillis: this.nowMillis })
  }
  #fact(news: WithoutRun<Fact>): Fact {
    const { incomingNumber, outgoingNumber, tickets } = this.state
    const [kind] = news.type.split('.')
    const ticketed = kind === 'devices' || kind === 'object'
    const run = kind === 'incoming' ? incomingNumber : ticketed ? tickets : outgoingNumber
    return { ...news, run } as Fact
  }
}

/** Takes a new core along the way, as far as it goes with these quirks; `wrong` is the first step that is not taken. */
export const reachFar = (
  scenario: Scenario,
  variant: ScenarioVariant = {},
): { readonly core: ScenarioCore; readonly wrong?: readonly [ScenarioInput, CoreOutput] } => {
  const { profile = '2.11', quirks = [] } = variant
  const core = new ScenarioCore({ ...variant.options, ...scenario.options, profile, quirks })
  const capabilities = [...(scenario.capabilities ?? []), ...(variant.capabilities ?? [])]
  const switches = capabilities.map((capability) => ({ capability, state: true }))
  const inputs = [command('migrate-set-capabilities', { capabilities: switches }), ...scenario.inputs]
  for (const input of inputs) {
    const wrong = core.take(input).find(({ type }) => type === 'refusal' || type === 'unexpected')
    if (wrong !== undefined) return { core, wrong: [input, wrong] }
  }
  return { core }
}

/** Takes a new core the whole way. A step that is refused or not taken is an error in the scenario. */
export const reach = (scenario: Scenario, variant: ScenarioVariant = {}): ScenarioCore => {
  const { core, wrong } = reachFar(scenario, variant)
  if (wrong === undefined) return core
  const [input, output] = wrong
  throw new Error(`${scenario.name}: expected ${JSON.stringify(input)} to be taken, found ${JSON.stringify(output)}`)
}
