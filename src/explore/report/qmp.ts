/**
 * A trail as QMP sessions: what the managers of a pair would have seen. The real core is driven along the trail, told what
 * the model's charts were told; its answers and events are the lines. So a counterexample is a recording like any other, and
 * the core is held against the model on the way.
 */
import type { ChartContext, Profile, QuirkId } from '../../../machines/index.ts'
import { start, step, type CoreInput, type CoreOutput, type CoreState, type Fact } from '../../core/index.ts'
import { encodeLine, errorMessage, eventMessage, greeting } from '../../qmp/message.ts'
import type { CompiledEvent } from '../compile/automaton.ts'
import { initialState } from '../model/interpreter.ts'
import type { World } from '../model/world.ts'
import type { Trail } from './trail.ts'

/** How the cores of the trail's parties are started. */
export interface CoreSetting {
  readonly profile: Profile
  readonly quirks: readonly QuirkId[]
}

/** One party's recording. */
export interface SessionLines {
  /** `src`, `dst`, `dst2` and so on. */
  readonly party: string
  readonly text: string
}

/** The recordings, or why there are none. */
export type QmpSessions =
  { readonly sessions: readonly SessionLines[]; readonly meta: string } | { readonly missing: string }

/** The core goes another way than the model: it has refused what the charts would have taken, or has no such command. */
class Apart extends Error {}

const STEP_MILLIS = 10

const addressOf = (party: string): string => `tcp:${party}:4444`

/** One core and what its manager has seen. */
class Session {
  readonly name: string
  readonly party: string
  state: CoreState
  readonly #lines: string[] = []
  nowMillis = 0

  constructor(name: string, party: string, setting: CoreSetting, isSource: boolean) {
    this.name = name
    this.party = party
    this.state = start({ ...setting, ...(isSource ? {} : { incoming: 'defer' as const }) })
    this.#line('<-', greeting(setting.profile))
    this.#line('->', { execute: 'qmp_capabilities' })
    this.#line('<-', { return: {} })
    this.command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
  }

  get text(): string {
    return this.#lines.join('')
  }

  #line(dir: '->' | '<-', message: unknown): void {
    this.#lines.push(encodeLine({ t: this.nowMillis / 1000, dir, msg: message }).replace('\r\n', '\n'))
  }

  #take(input: CoreInput): void {
    const [next, outputs] = step(this.state, input)
    this.state = next
    for (const output of outputs) this.#show(output)
  }

  #show(output: CoreOutput): void {
    if (output.type === 'event') this.#line('<-', eventMessage({ ...output.event }, this.nowMillis))
    else if (output.type === 'reply') this.#line('<-', { return: output.value })
    else if (output.type === 'refusal') this.#line('<-', errorMessage(output.class, output.desc))
  }

  command(name: string, given?: object): void {
    this.#line('->', given === undefined ? { execute: name } : { execute: name, arguments: given })
    this.#take({ type: 'command', name, arguments: given, nowMillis: this.nowMillis })
  }

  fact({ type, ...members }: CompiledEvent): void {
    const run = type.startsWith('incoming.')
      ? this.state.incomingNumber
      : type.startsWith('guest.')
        ? 0
        : this.state.outgoingNumber
    const fact = { type, run, reason: 'as in the model', side: 'channel', setupMillis: STEP_MILLIS, ...members }
    this.#take({ type: 'fact', fact: fact as unknown as Fact, nowMillis: this.nowMillis })
  }

  /** Whether the core's charts are where the model's are. */
  isAt(world: World, place: number, state: number): boolean {
    const { value, context } = world.parties[place]!.table.nameOf(state)
    const mine: { readonly value: unknown; readonly context: ChartContext } = this.state.chart
    return sorted(mine.value) === sorted(value) && sorted(mine.context) === sorted(context)
  }
}

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'object' && each !== null
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )

/** Commands that QMP has under another name, or with arguments; undefined for those it does not have. */
const commandOf = (event: CompiledEvent, target: string): readonly [string, object?] | undefined => {
  const switched = (capability: string, member: string) => ({ capability, state: event[member] === true })
  switch (event.type) {
    case 'migrate':
      return ['migrate', { uri: addressOf(target) }]
    case 'migrate-incoming':
      return ['migrate-incoming', { uri: addressOf('0') }]
    case 'migrate-continue':
      return ['migrate-continue', { state: 'pre-switchover' }]
    case 'migrate-set-capabilities': {
      const capabilities = [
        switched('pause-before-switchover', 'pause'),
        switched('postcopy-ram', 'postcopy'),
        switched('x-colo', 'colo'),
      ]
      return ['migrate-set-capabilities', { capabilities }]
    }
    case 'migrate-resume':
    case 'migrate-recover':
    case 'system_reset':
      return undefined
    default:
      return [event.type]
  }
}

/** The sessions of all parties; the first party of the model is the source. */
export const qmpSessions = (trail: Trail, setting: CoreSetting): QmpSessions => {
  const { world, steps } = trail
  if (world.parties.length < 2) return { missing: `${world.model.name} is no model of a source and its destinations` }
  const sessions = world.parties.map(
    ({ party }, place) =>
      new Session(place === 0 ? 'src' : place === 1 ? 'dst' : `dst${place}`, party.name, setting, place === 0),
  )
  let parties = initialState(world).parties
  try {
    for (const { step: taken, number } of steps) {
      for (const session of sessions) session.nowMillis = number * STEP_MILLIS
      for (const { party, event } of taken.told) {
        const session = sessions.find((each) => each.party === party)!
        if (event.type.includes('.')) session.fact(event)
        else {
          const command = commandOf(event, world.parties[1]!.party.name)
          if (command === undefined) throw new Apart(`the core has no command ${event.type}`)
          session.command(...command)
        }
      }
      const { books } = taken.rule
      if (books !== undefined) sessions.find(({ party }) => party === books.party)!.fact({ ...books.fact })
      parties = taken.after.parties
      for (const [place, session] of sessions.entries()) {
        const isAlive = taken.told.some(({ party }) => party === session.party)
        if (isAlive && !session.isAt(world, place, parties[place]!))
          throw new Apart(`in step ${number} the core of ${session.party} goes another way than its charts`)
      }
    }
  } catch (error) {
    if (error instanceof Apart) return { missing: error.message }
    throw error
  }
  const args = (name: string) => ({ args: name === 'src' ? [] : ['-incoming', 'defer'] })
  const sides = Object.fromEntries(sessions.map(({ name }) => [name, args(name)]))
  return {
    sessions: sessions.map(({ name, text }) => ({ party: name, text })),
    meta: `${JSON.stringify({ scenario: world.model.name, sides, trail: steps.map(({ step: each }) => each.rule.name) })}\n`,
  }
}
