/** Actions as data: assignments, raised events, and everything else as an output that somebody carries out. */
import type { EventObject } from 'xstate'
import type { CompiledEvent, Operation } from './automaton.ts'
import { ChartNotFinite } from './chart-not-finite.ts'
import type { Vocabulary } from './compile.ts'
import { decisionOf, mapDecision, resultsOf } from './decision.ts'

type Args = { readonly context: object; readonly event: CompiledEvent }
type Expression = (args: Args, params?: unknown) => unknown

/** How XState marks the actions that it makes itself. */
interface BuiltinAction {
  readonly type: string
  readonly resolve?: unknown
  readonly assignment?: unknown
  readonly event?: unknown
  readonly delay?: unknown
}

const isExpression = (value: unknown): value is Expression => typeof value === 'function'

/** Compiles the actions of one machine. */
export class ActionCompiler {
  readonly #vocabulary: Vocabulary

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
  }

  /** What a list of actions does on an event. */
  operations(actions: readonly unknown[], event: CompiledEvent): readonly Operation[] {
    return actions.map((action) => this.#operation(action, event))
  }

  #operation(action: unknown, event: CompiledEvent): Operation {
    const isInline = typeof action === 'function'
    const name = isInline ? action.name : typeof action === 'string' ? action : (action as BuiltinAction).type
    const resolved: unknown = isInline ? action : this.#vocabulary.machine.implementations.actions[name]
    const params = typeof action === 'object' && action !== null && 'params' in action ? action.params : undefined
    if (typeof resolved === 'function' && 'resolve' in resolved)
      return this.#builtin(resolved as unknown as BuiltinAction, params, event)
    return { kind: 'output', output: this.#output(name === '' ? '(anonymous)' : name, params, event) }
  }

  #output(type: string, params: unknown, event: CompiledEvent) {
    const decision = decisionOf(
      this.#vocabulary.members,
      (context) => (isExpression(params) ? params({ context, event }) : params),
      JSON.stringify,
    )
    return mapDecision(decision, (given) =>
      this.#vocabulary.outputOf(given === undefined ? { type } : { type, params: given }),
    )
  }

  #builtin(action: BuiltinAction, params: unknown, event: CompiledEvent): Operation {
    switch (action.type) {
      case 'xstate.assign':
        return this.#assign(action.assignment, params, event)
      case 'xstate.raise': {
        if (action.delay !== undefined) throw new ChartNotFinite('a raised event', 'no delay', 'one')
        const { event: raised } = action
        const decision = decisionOf(
          this.#vocabulary.members,
          (context) => (isExpression(raised) ? raised({ context, event }, params) : raised) as EventObject,
          JSON.stringify,
        )
        return { kind: 'raise', event: mapDecision(decision, (each) => this.#vocabulary.raised(each)) }
      }
      default:
        throw new ChartNotFinite(`an action of ${this.#vocabulary.machine.id}`, 'assign, raise or a name', action.type)
    }
  }

  #assign(assignment: unknown, params: unknown, event: CompiledEvent): Operation {
    const { members } = this.#vocabulary
    const changed = decisionOf(
      members,
      (context): Readonly<Record<string, unknown>> => {
        const given = isExpression(params) ? params({ context, event }) : params
        if (isExpression(assignment)) {
          const update = assignment({ context, event }, given)
          // The context itself: nothing changes, and nothing of it need be read.
          return update === context ? {} : { ...(update as object) }
        }
        return Object.fromEntries(
          Object.entries(assignment as object).map(([name, value]) => [
            name,
            isExpression(value) ? value({ context, event }, given) : value,
          ]),
        )
      },
      JSON.stringify,
    )
    const names = new Set(resultsOf(changed).flatMap((update) => Object.keys(update)))
    const updates = [...names].map((name) => {
      const member = this.#vocabulary.memberOf(name)
      return {
        member,
        value: mapDecision(changed, (update) => (name in update ? this.#vocabulary.valueOf(member, update[name]) : -1)),
      }
    })
    return { kind: 'assign', updates }
  }
}
