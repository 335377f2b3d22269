/**
 * XState as the referee of a compiled chart: asks both the same question in every reachable state and tells the first
 * answers that differ.
 */
import {
  createActor,
  type ActionExecutor,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type StateValue,
} from 'xstate'
import type { CompiledOutput } from './automaton.ts'
import { DenseTable } from './dense-table.ts'

/** What a chart answers to an event. */
export interface ChartAnswer {
  readonly taken: boolean
  readonly value: unknown
  readonly context: unknown
  readonly outputs: readonly CompiledOutput[]
}

/** A question to which the two give different answers. */
export interface Disagreement {
  readonly state: unknown
  readonly event: unknown
  readonly xstate: ChartAnswer
  readonly compiled: ChartAnswer
}

/** What a comparison came to. */
export interface Refereed {
  readonly states: number
  readonly questions: number
  readonly disagreement?: Disagreement
}

const nothing = (): void => {}

/** XState's own step; the actor that it asks for is made once. */
const stepsOf = (machine: AnyStateMachine) => {
  const self = createActor(machine)
  return (snapshot: AnyMachineSnapshot, event: { readonly type: string }) => {
    const outputs: CompiledOutput[] = []
    const next = machine.transition(snapshot, event, {
      self,
      id: '',
      sessionId: '',
      system: self.system,
      logger: nothing,
      defer: nothing,
      emit: nothing,
      stopChild: nothing,
      actionExecutor: ({ type, params }: Parameters<ActionExecutor>[0]) => {
        if (type !== 'xstate.raise') outputs.push(params === undefined ? { type } : { type, params })
      },
    }) as AnyMachineSnapshot
    return [next, outputs] as const
  }
}

/** Innermost states of a state value, a dotted path each. */
const paths = (value: StateValue): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : Object.entries(value).flatMap(([name, below]) =>
        (below === undefined ? [] : paths(below)).map((path) => `${name}.${path}`),
      )

/** Whether a snapshot is the state of a number. */
const sameAs = (table: DenseTable) => {
  const { regions, members } = table.automaton
  const single = regions[0]?.name === ''
  const places = new Map(
    regions.flatMap(({ name, states }, region) =>
      states.map((path, state) => [single ? path : path === '' ? name : `${name}.${path}`, [region, state]] as const),
    ),
  )
  return (snapshot: AnyMachineSnapshot, state: number): boolean => {
    const context = snapshot.context as Readonly<Record<string, unknown>>
    return (
      Object.keys(context).length === members.length &&
      members.every(({ name, values }, member) => context[name] === values[table.valueOf(state, member)]) &&
      paths(snapshot.value).every((path) => {
        const [region, place] = places.get(path) ?? [0, -1]
        return table.stateOf(state, region) === place
      })
    )
  }
}

const sameOutputs = (one: readonly CompiledOutput[], other: readonly CompiledOutput[]): boolean =>
  one.length === other.length && (one.length === 0 || JSON.stringify(one) === JSON.stringify(other))

/** Compares every reachable state on every event of the alphabet; raised events are compared within the steps that raise them. */
export const referee = (machine: AnyStateMachine, table: DenseTable): Refereed => {
  const { automaton } = table
  const step = stepsOf(machine)
  const isState = sameAs(table)
  let questions = 0
  for (let state = 0; state < table.size; state++) {
    const { value, context } = table.nameOf(state)
    const snapshot: AnyMachineSnapshot = machine.resolveState({ value, context })
    for (let place = 1; place <= automaton.alphabet; place++) {
      const event = automaton.events[place]!
      questions++
      const next = table.step(state, place)
      const [after, outputs] = step(snapshot, event)
      const given = table.outputs(state, place).map((output) => automaton.outputs[output]!)
      const taken = snapshot.can(event)
      if (taken === table.takes(state, place) && isState(after, next) && sameOutputs(outputs, given)) continue
      return {
        states: table.size,
        questions,
        disagreement: {
          state: { value, context },
          event,
          xstate: { taken, value: after.value, context: after.context, outputs },
          compiled: { taken: table.takes(state, place), ...table.nameOf(next), outputs: given },
        },
      }
    }
  }
  return { states: table.size, questions }
}
