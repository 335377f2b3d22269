/**
 * XState machine -> automaton. The compiler reads the states, transitions, guards and actions of the machine that executes
 * and works each of them out for every event and every value of the context that it depends on. It knows nothing of the
 * charts of this project: any machine will do whose context is finite and which has regions at the root at most.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, EventObject } from 'xstate'
import {
  eventKey,
  type Automaton,
  type CompiledEvent,
  type CompiledOutput,
  type CompiledRegion,
  type CompiledTransition,
  type Handlers,
  type Operation,
} from './automaton.ts'
import { ActionCompiler } from './action.ts'
import { ChartNotFinite } from './chart-not-finite.ts'
import { conditionOf } from './condition.ts'
import type { Member, Scalar } from './decision.ts'
import { pathBetween, regionsOf, type RegionNodes } from './region.ts'

/** Values that one member of a context may take, and events that may be raised: more is taken for no end. */
const VALUES_MAX = 64
const RAISED_MAX = 256

/** What grows while a machine is compiled; compiling is repeated until nothing is added. */
export class Vocabulary {
  readonly machine: AnyStateMachine
  readonly members: { readonly name: string; readonly values: Scalar[] }[]
  readonly events: CompiledEvent[]
  readonly outputs: CompiledOutput[] = []
  readonly #eventPlaces = new Map<string, number>()
  readonly #outputPlaces = new Map<string, number>()
  /** Values and events that were added. */
  growth = 0

  constructor(machine: AnyStateMachine, context: object, events: readonly EventObject[]) {
    this.machine = machine
    this.members = Object.entries(context).map(([name, value]) => ({ name, values: [scalar(name, value)] }))
    this.events = events.map((event) => ({ ...event }))
    for (const [place, event] of this.events.entries()) this.#eventPlaces.set(eventKey(event), place)
  }

  /** The number of a member's value. */
  valueOf(member: number, value: unknown): number {
    const { name, values } = this.members[member]!
    const found = values.indexOf(scalar(name, value))
    if (found >= 0) return found
    if (values.length >= VALUES_MAX)
      throw new ChartNotFinite(`member ${name} of the context`, `at most ${VALUES_MAX} values`, 'more')
    this.growth++
    return values.push(scalar(name, value)) - 1
  }

  /** The place of a member; one that the initial context does not have is added, and was undefined before. */
  memberOf(name: string): number {
    const found = this.members.findIndex((member) => member.name === name)
    if (found >= 0) return found
    this.growth++
    return this.members.push({ name, values: [undefined] }) - 1
  }

  raised(event: EventObject): number {
    const key = eventKey(event)
    const found = this.#eventPlaces.get(key)
    if (found !== undefined) return found
    if (this.#eventPlaces.size > RAISED_MAX + this.events.length)
      throw new ChartNotFinite(`raised event ${event.type}`, `at most ${RAISED_MAX} raised events`, 'more')
    this.growth++
    const place = this.events.push({ ...event }) - 1
    this.#eventPlaces.set(key, place)
    return place
  }

  outputOf(output: CompiledOutput): number {
    const key = JSON.stringify([output.type, output.params])
    const found = this.#outputPlaces.get(key)
    if (found !== undefined) return found
    const place = this.outputs.push(output) - 1
    this.#outputPlaces.set(key, place)
    return place
  }
}

const scalar = (name: string, value: unknown): Scalar => {
  if (value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)) return value as Scalar
  throw new ChartNotFinite(`member ${name} of the context`, 'strings, numbers and booleans', typeof value)
}

/**
 * Compiles a machine for an alphabet: the events that can come from outside, with all members they can have.
 *
 * @example
 * const automaton = compile(processMachine(), alphabet)
 * automaton.regions.map(({ name, states }) => `${name} ${states.length}`) // ['guest 12', 'images 3', ...]
 */
export const compile = (machine: AnyStateMachine, alphabet: readonly EventObject[]): Automaton => {
  const { context } = machine.config
  if (typeof context === 'function') throw new ChartNotFinite(machine.id, 'a context that is data', 'a function')
  const start: EventObject = { type: 'xstate.init' }
  const vocabulary = new Vocabulary(machine, context ?? {}, [start, ...alphabet])
  const regions = regionsOf(machine)
  for (;;) {
    const before = vocabulary.growth
    const compiled = compileOnce(vocabulary, regions, alphabet.length)
    if (vocabulary.growth === before) return compiled
  }
}

const compileOnce = (vocabulary: Vocabulary, regions: readonly RegionNodes[], alphabet: number): Automaton => {
  const { machine } = vocabulary
  // As the context may grow while it is read, the events are those known so far.
  const events = [...vocabulary.events]
  const compiler = new TransitionCompiler(vocabulary, regions)
  const start = events[0]!
  return {
    id: machine.id,
    regions: regions.map((region) => compiler.region(region, events)),
    members: vocabulary.members as readonly Member[],
    initialValues: vocabulary.members.map(() => 0),
    events: vocabulary.events,
    alphabet,
    outputs: vocabulary.outputs,
    entries: [
      ...(machine.root.type === 'parallel' ? compiler.actions.operations(machine.root.entry, start) : []),
      ...regions.flatMap(({ path }) => compiler.enter(path[0]!, start)),
    ],
    root: events.map((event) => compiler.rootTransitions(event)),
  }
}

class TransitionCompiler {
  readonly actions: ActionCompiler
  readonly #vocabulary: Vocabulary
  readonly #regions: readonly RegionNodes[]

  constructor(vocabulary: Vocabulary, regions: readonly RegionNodes[]) {
    this.#vocabulary = vocabulary
    this.#regions = regions
    this.actions = new ActionCompiler(vocabulary)
  }

  region(region: RegionNodes, events: readonly CompiledEvent[]): CompiledRegion {
    const hasAlways = region.path.flat().some((node) => (node.always ?? []).length > 0)
    return {
      name: region.name,
      states: region.states,
      initial: region.initial,
      handlers: events.map((event) => this.#handlers(region, event, (node) => candidates(node, event.type))),
      ...(hasAlways
        ? {
            always: events.map(
              (event) => this.#handlers(region, event, (node) => node.always ?? []) ?? noHandlers(region),
            ),
          }
        : {}),
    }
  }

  /** What all innermost states do on an event: the state's own transitions, then those of the states around it. */
  #handlers(
    region: RegionNodes,
    event: CompiledEvent,
    of: (node: AnyStateNode) => readonly AnyTransitionDefinition[],
  ): Handlers | undefined {
    const handlers = region.path.map((path, state) =>
      path.toReversed().flatMap((node) => of(node).map((each) => this.#transition(region, state, each, event))),
    )
    return handlers.some((each) => each.length > 0) ? handlers : undefined
  }

  #transition(
    region: RegionNodes,
    state: number,
    definition: AnyTransitionDefinition,
    event: CompiledEvent,
  ): CompiledTransition {
    const [target] = definition.target ?? []
    const way = target === undefined ? undefined : pathBetween(region, state, definition, target)
    return {
      condition: conditionOf(this.#vocabulary, this.#regions, definition.guard, event),
      to: way?.to ?? state,
      takes: definition.target !== undefined || definition.actions.length > 0,
      exits: (way?.exits ?? []).flatMap((node) => this.actions.operations(node.exit, event)),
      actions: this.actions.operations(definition.actions, event),
      entries: (way?.entries ?? []).flatMap(({ node, byDefault }) => this.#entry(node, byDefault, event)),
    }
  }

  #entry(node: AnyStateNode, byDefault: boolean, event: CompiledEvent): readonly Operation[] {
    const initial = byDefault && node.type === 'compound' ? node.initial.actions : []
    return this.actions.operations([...node.entry, ...initial], event)
  }

  /** Entering every state of a path at the start. */
  enter(path: readonly AnyStateNode[], event: CompiledEvent): readonly Operation[] {
    return path.flatMap((node) => this.#entry(node, true, event))
  }

  rootTransitions(event: CompiledEvent): readonly CompiledTransition[] | undefined {
    const { root } = this.#vocabulary.machine
    if (root.type !== 'parallel') return undefined
    const found = candidates(root, event.type)
    if (found.length === 0) return undefined
    return found.map((definition) => {
      if (definition.target !== undefined && definition.target.length > 0)
        throw new ChartNotFinite(`${event.type} of ${root.id}`, 'no target in a transition of all regions', 'one')
      return {
        condition: conditionOf(this.#vocabulary, this.#regions, definition.guard, event),
        to: 0,
        takes: definition.target !== undefined || definition.actions.length > 0,
        exits: [],
        actions: this.actions.operations(definition.actions, event),
        entries: [],
      }
    })
  }
}

const noHandlers = (region: RegionNodes): Handlers => region.path.map(() => [])

/** The transitions of a state on an event: those that name it, then those of its patterns, the longest first. */
const candidates = (node: AnyStateNode, type: string): readonly AnyTransitionDefinition[] => {
  const patterns = [...node.transitions.keys()]
    .filter((key) => key !== type && matches(type, key))
    .sort((a, b) => b.length - a.length)
  return [type, ...patterns].flatMap((key) => node.transitions.get(key) ?? [])
}

/** `*` stands for every event, `a.b.*` for `a.b` and all that follows it. */
const matches = (type: string, pattern: string): boolean => {
  if (pattern === '*') return true
  if (!pattern.endsWith('.*')) return false
  const prefix = pattern.slice(0, -2)
  return type === prefix || type.startsWith(`${prefix}.`)
}
