/**
 * The edges of a chart, taken from the machine that executes: every transition of every state that leads somewhere or
 * does something. A transition that does neither only keeps an outer one from being taken, and is no edge.
 */
import {
  createActor,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  type AnyTransitionDefinition,
  type EventObject,
} from 'xstate'

/** An edge of a chart. */
export interface ChartEdge {
  /** The chart: a region of a parallel machine, else the machine itself. */
  readonly chart: string
  /** The state as a dotted path; `any` for the whole chart. A state that has states below it stands for all of them. */
  readonly from: string
  readonly event: string
  readonly guard: string | undefined
  /** The innermost state that is entered, as a dotted path; `stays` where no state is left. */
  readonly to: string
}

/** The edge as text, which no other edge of the same machine has: `guest: paused --cont--> stays`. */
export const edgeText = ({ chart, from, event, guard, to }: ChartEdge): string =>
  `${chart}: ${from} --${event}${guard === undefined ? '' : ` [${guard}]`}--> ${to}`

const chartOf = ({ machine, path }: AnyStateNode): string =>
  machine.root.type === 'parallel' ? (path[0] ?? machine.id) : machine.id

const pathOf = (node: AnyStateNode): string =>
  node.path.slice(node.machine.root.type === 'parallel' ? 1 : 0).join('.') || 'any'

const innermost = (node: AnyStateNode): AnyStateNode => {
  const [below] = node.type === 'compound' ? (node.initial.target ?? []) : []
  return below === undefined ? node : innermost(below)
}

/** A guard in words; undefined where there is none. */
export const guardInWords = ({ guard }: AnyTransitionDefinition): string | undefined => {
  if (guard === undefined || typeof guard === 'string') return guard
  return 'type' in guard ? String(guard.type) : 'inline'
}

const isEdge = ({ target, actions }: AnyTransitionDefinition): boolean =>
  (target !== undefined && target.length > 0) || actions.length > 0

const edgeOf = (transition: AnyTransitionDefinition): ChartEdge => {
  const { source, eventType, target } = transition
  const [entered] = target ?? []
  return {
    chart: chartOf(source),
    from: pathOf(source),
    event: eventType === '' ? 'always' : eventType,
    guard: guardInWords(transition),
    to: entered === undefined ? 'stays' : pathOf(innermost(entered)),
  }
}

/** All edges of a machine, charts and states in the machine's order; eventless ones too. */
export const edgesOf = (machine: AnyStateMachine): readonly ChartEdge[] => {
  const below = (node: AnyStateNode): readonly AnyTransitionDefinition[] => [
    ...[...node.transitions.values()].flat(),
    ...(node.always ?? []),
    ...Object.values(node.states).flatMap(below),
  ]
  return below(machine.root).filter(isEdge).map(edgeOf)
}

/** The edges among transitions that a machine has taken, in their order. */
export const edgesAmong = (transitions: readonly AnyTransitionDefinition[]): readonly ChartEdge[] =>
  transitions.filter(isEdge).map(edgeOf)

/** An action that a step names; nothing is carried out. */
export interface NamedAction {
  readonly type: string
  readonly params?: unknown
}

/** What a step came to. */
export interface WatchedStep {
  readonly next: AnyMachineSnapshot
  readonly actions: readonly NamedAction[]
  /** One edge for the event, and one for every synchronisation that was raised and taken within the step. */
  readonly edges: readonly ChartEdge[]
}

const nothing = (): void => {}

/** Takes steps of a machine and tells the transitions that each of them took, in order, and the actions it names. */
export const transitionWatcher = (
  machine: AnyStateMachine,
): ((
  snapshot: AnyMachineSnapshot,
  event: EventObject,
) => readonly [
  next: AnyMachineSnapshot,
  taken: readonly AnyTransitionDefinition[],
  actions: readonly NamedAction[],
]) => {
  let taken: AnyTransitionDefinition[] = []
  let actions: NamedAction[] = []
  // An actor that is never started, as XState asks for one; its system tells of the steps within a step.
  const self = createActor(machine, {
    inspect: (inspected) => {
      if (inspected.type === '@xstate.microstep') taken.push(...inspected._transitions)
    },
  })
  const scope = {
    self,
    id: '',
    sessionId: '',
    system: self.system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: (action: NamedAction) => {
      actions.push(action)
    },
  }
  return (snapshot, event) => {
    taken = []
    actions = []
    const next = machine.transition(snapshot, event, scope) as AnyMachineSnapshot
    return [next, taken, actions]
  }
}

/**
 * Takes steps of a machine as XState's own `transition` does, and tells the edges that each of them took.
 *
 * @example
 * const take = edgeWatcher(machine)
 * const { edges } = take(snapshot, { type: 'migrate' })
 * edges.map(edgeText) // ['outgoing: none --migrate [migrateAllowed]--> setup.connecting']
 */
export const edgeWatcher = (
  machine: AnyStateMachine,
): ((snapshot: AnyMachineSnapshot, event: EventObject) => WatchedStep) => {
  const take = transitionWatcher(machine)
  return (snapshot, event) => {
    const [next, taken, actions] = take(snapshot, event)
    return { next, actions, edges: edgesAmong(taken) }
  }
}
