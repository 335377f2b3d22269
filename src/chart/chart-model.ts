/**
 * A chart as plain data, taken from the machine that executes: its states in document order, its transitions, and what
 * each says of itself. Every drawing and every export is made from this, and it is what `--format json` prints.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, UnknownAction } from 'xstate'
import { guardInWords } from '../explore/chart-edge.ts'

/** How a state holds the states below it. */
export type ChartStateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history'

/** A state. */
export interface ChartState {
  /** The path from the chart's root, dotted: `outgoing.setup.connecting`. The root's is the chart's own name. */
  readonly id: string
  /** The last part of the path. */
  readonly name: string
  /** Undefined for the root alone. */
  readonly parent: string | undefined
  readonly kind: ChartStateKind
  /** Of a compound state: the state below it that is entered first. */
  readonly initial: string | undefined
  readonly description: string | undefined
  /** The schema member, or the place in QEMU, that the state comes from. */
  readonly source: string | undefined
  /** What is done on the way in and out, in order, as words. */
  readonly entry: readonly string[]
  readonly exit: readonly string[]
  /** In a union of charts, the labels of those that have it; undefined: all. */
  readonly only: readonly string[] | undefined
}

/**
 * `external`: leads to another state. `internal`: acts and stays. `forbidden`: does nothing, and so keeps the same event of an
 * outer state from being taken.
 */
export type ChartTransitionKind = 'external' | 'internal' | 'forbidden'

/** A transition. */
export interface ChartTransition {
  /** Unique in the chart, and the same in every chart that has the transition. */
  readonly id: string
  readonly kind: ChartTransitionKind
  readonly from: string
  /** Empty unless the kind is `external`. */
  readonly to: readonly string[]
  /** `always` where no event is needed. */
  readonly event: string
  readonly guard: string | undefined
  readonly actions: readonly string[]
  /** As in {@link ChartState}. */
  readonly only: readonly string[] | undefined
}

/** A chart. */
export interface ChartModel {
  readonly name: string
  readonly states: readonly ChartState[]
  readonly transitions: readonly ChartTransition[]
}

const stateId = ({ machine, path }: AnyStateNode): string => [machine.id, ...path].join('.')

const literal = (value: unknown): string =>
  typeof value === 'function' ? 'from the event' : typeof value === 'string' ? value : JSON.stringify(value)

/** The event of a `raise` that is computed: the type does not depend on what it is computed from. */
const computedEvent = (compute: (args: object) => unknown): unknown => {
  try {
    return compute({ context: {}, event: { type: '' } })
  } catch {
    return undefined
  }
}

const typeOf = (event: unknown): string =>
  typeof event === 'object' && event !== null && 'type' in event ? String(event.type) : '(computed)'

const assignmentInWords = (assignment: unknown): readonly string[] =>
  typeof assignment === 'object' && assignment !== null
    ? Object.entries(assignment).map(([name, value]) => `${name} := ${literal(value)}`)
    : ['context := from the event']

/** An action in words: its name with its parameters, `raise vm.restore`, `before := running`; one for each assignment. */
const actionInWords = (action: UnknownAction): readonly string[] => {
  if (typeof action === 'string') return [action]
  if (typeof action === 'function') {
    const known: object = action
    if ('assignment' in known) return assignmentInWords(known.assignment)
    if ('event' in known) {
      const { event } = known
      const raised = typeof event === 'function' ? computedEvent(event as (args: object) => unknown) : event
      return [`raise ${typeOf(raised)}`]
    }
    return [action.name || 'inline']
  }
  const { type, params } = action as { readonly type: string; readonly params?: unknown }
  if (typeof params !== 'object' || params === null) return [type]
  return [`${type}(${Object.values(params).map(literal).join(', ')})`]
}

const kindOf = ({ target, actions }: AnyTransitionDefinition): ChartTransitionKind => {
  if (target !== undefined && target.length > 0) return 'external'
  return actions.length > 0 ? 'internal' : 'forbidden'
}

const kinds: Readonly<Record<AnyStateNode['type'], ChartStateKind>> = {
  atomic: 'atomic',
  compound: 'compound',
  parallel: 'parallel',
  final: 'final',
  history: 'history',
}

const sourceOf = ({ meta }: AnyStateNode): string | undefined => {
  const known: unknown = meta
  return typeof known === 'object' && known !== null && 'source' in known ? String(known.source) : undefined
}

const initialOf = (node: AnyStateNode): string | undefined => {
  if (node.type !== 'compound') return undefined
  const [first] = node.initial.target ?? []
  return first === undefined ? undefined : stateId(first)
}

const stateOf = (node: AnyStateNode): ChartState => ({
  id: stateId(node),
  name: node.key,
  parent: node.parent === undefined ? undefined : stateId(node.parent),
  kind: kinds[node.type],
  initial: initialOf(node),
  description: node.description,
  source: sourceOf(node),
  entry: node.entry.flatMap(actionInWords),
  exit: node.exit.flatMap(actionInWords),
  only: undefined,
})

/** What a transition is told apart by: all that a reader of the chart sees of it. */
export const transitionIdOf = (transition: AnyTransitionDefinition): string => {
  const { source, eventType, target, actions } = transition
  return [
    stateId(source),
    eventType === '' ? 'always' : eventType,
    guardInWords(transition) ?? '',
    (target ?? []).map(stateId).join(' '),
    actions.flatMap(actionInWords).join('; '),
  ].join(' | ')
}

const transitionOf = (transition: AnyTransitionDefinition): ChartTransition => ({
  id: transitionIdOf(transition),
  kind: kindOf(transition),
  from: stateId(transition.source),
  to: (transition.target ?? []).map(stateId),
  event: transition.eventType === '' ? 'always' : transition.eventType,
  guard: guardInWords(transition),
  actions: transition.actions.flatMap(actionInWords),
  only: undefined,
})

/**
 * A machine as data.
 *
 * @example
 * import { imagesMachine } from '../../machines/index.ts'
 * const chart = chartModel(imagesMachine())
 * chart.states.map((state) => state.id) // ['images', 'images.inactive', 'images.held', 'images.released']
 * chart.transitions.length // 4
 */
export const chartModel = (machine: AnyStateMachine): ChartModel => {
  const nodes: AnyStateNode[] = []
  const visit = (node: AnyStateNode): void => {
    nodes.push(node)
    for (const below of Object.values(node.states)) visit(below)
  }
  visit(machine.root)
  const transitions = nodes.flatMap((node) => [...[...node.transitions.values()].flat(), ...(node.always ?? [])])
  return {
    name: machine.id,
    states: nodes.map(stateOf),
    // The same transition may be written down twice (once for each of several reasons); it is one.
    transitions: [...new Map(transitions.map((each) => [transitionIdOf(each), transitionOf(each)])).values()],
  }
}

/** `event [guard]`: how a transition is labelled. */
export const transitionLabel = ({ event, guard }: Pick<ChartTransition, 'event' | 'guard'>): string =>
  guard === undefined ? event : `${event} [${guard}]`

/** The part of a chart from one state on, as a chart of its own: a region of a parallel one. */
export const chartBelow = (chart: ChartModel, id: string): ChartModel => {
  const inside = (other: string) => other === id || other.startsWith(`${id}.`)
  return {
    name: chart.states.find((state) => state.id === id)?.name ?? id,
    states: chart.states
      .filter((state) => inside(state.id))
      .map((state) => (state.id === id ? { ...state, parent: undefined } : state)),
    transitions: chart.transitions.filter(({ from }) => inside(from)),
  }
}

/** Which variants have something that not all have. */
export const variantMark = (only: readonly string[] | undefined): string =>
  only === undefined ? '' : ` (${only.join(', ')})`

/** The states directly below one, in document order. */
export const childrenOf = (chart: ChartModel, id: string): readonly ChartState[] =>
  chart.states.filter((state) => state.parent === id)

/** The states that can be closed in a drawing: those below the root that hold others. */
export const foldableIn = ({ states }: ChartModel): readonly string[] =>
  states
    .filter(({ parent, kind }) => parent !== undefined && (kind === 'compound' || kind === 'parallel'))
    .map(({ id }) => id)
