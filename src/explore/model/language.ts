/**
 * What a model is written in: parties that are charts, variables with named values for the world around them, and rules
 * that say what may happen next. It is data, so that one model is explored here, drawn, and exported to other checkers. The
 * words are few on purpose: everything that decides belongs into the charts.
 */
import type { Automaton, CompiledEvent, CompiledOutput } from '../compile/automaton.ts'
import type { Scalar } from '../compile/decision.ts'

/** A variable of the world. It starts with the first of its values. */
export interface Variable {
  readonly name: string
  readonly values: readonly string[]
  /** Nothing that happens depends on it: it is there for properties to look at. */
  readonly isShadow?: boolean
}

/** What a rule or a property asks. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'is'; readonly variable: string; readonly value: string }
  /** Two variables with the same list of values have the same one. */
  | { readonly kind: 'same'; readonly variable: string; readonly other: string }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  /** A region of a party is in a state or below it; `before`: was, when the party was last told something in this rule. */
  | {
      readonly kind: 'in'
      readonly party: string
      readonly region: string
      readonly path: string
      readonly before: boolean
    }
  /** What a party's chart remembers. */
  | { readonly kind: 'remembers'; readonly party: string; readonly member: string; readonly value: Scalar }

/** What a rule does, in order and at once. */
export type Statement =
  | { readonly kind: 'set'; readonly variable: string; readonly value: string }
  /** Both have the same list of values. */
  | { readonly kind: 'copy'; readonly variable: string; readonly from: string }
  /** The next value of the list; a rule that would go beyond the last one is wrong. */
  | { readonly kind: 'advance'; readonly variable: string }
  | {
      readonly kind: 'if'
      readonly when: Expression
      readonly does: readonly Statement[]
      readonly otherwise: readonly Statement[]
    }
  /** The party's chart takes the event, and the world carries out what it gives out. */
  | { readonly kind: 'tell'; readonly party: string; readonly event: CompiledEvent }
  /** The party is as at the start: it has died, and its state means nothing. */
  | { readonly kind: 'reset'; readonly party: string }
  /** What must not happen has happened. */
  | { readonly kind: 'breach'; readonly property: string }

/** Who makes a rule happen. `progress` is what happens by itself sooner or later: it is what fairness speaks of. */
export type RuleKind = 'progress' | 'operator' | 'guest' | 'fault'

/** What may happen. */
export interface Rule {
  readonly name: string
  /** The column of a counterexample it stands in: a party, or one of the world's. */
  readonly lane: string
  readonly kind: RuleKind
  readonly when: Expression
  readonly does: readonly Statement[]
  /** A fact that comes with it and that no chart hears of: a core needs it for its books. */
  readonly books?: { readonly party: string; readonly fact: CompiledEvent }
}

/** A chart in a model. */
export interface Party {
  readonly name: string
  readonly automaton: Automaton
  /** What the world does with something that the chart gives out. */
  readonly carryOut: (output: CompiledOutput) => readonly Statement[]
  /** What is looked at each time behind that. */
  readonly afterwards: readonly Statement[]
}

/** What is claimed about all that a model can do. */
export type ModelProperty = {
  readonly id: string
  /** In words. */
  readonly text: string
} & (
  | { readonly kind: 'never' | 'always' | 'sometimes'; readonly when: Expression }
  /** The rules or the world say when it is broken. */
  | { readonly kind: 'breach' }
  /** Whatever happens after the first the second follows, if every progress rule that stays possible happens sometime. */
  | { readonly kind: 'leads-to'; readonly from: Expression; readonly to: Expression }
)

/** A queue between two parties. */
export interface ModelChannel {
  readonly from: string
  readonly to: string
  /** Its variables, the next message first. */
  readonly variables: readonly string[]
}

/** See the head of this file. */
export interface Model {
  readonly name: string
  /** What it is a model of, and what it leaves out: the bounds. */
  readonly about: readonly string[]
  readonly parties: readonly Party[]
  readonly variables: readonly Variable[]
  readonly rules: readonly Rule[]
  readonly properties: readonly ModelProperty[]
  /** Which queues carry messages from whom to whom, for whoever draws. */
  readonly channels?: readonly ModelChannel[]
  /** Groups of variables, one like the other: states that differ only in which group is which count as one. */
  readonly symmetry?: readonly (readonly string[])[]
}

export const yes: Expression = { kind: 'constant', value: true }
export const no: Expression = { kind: 'constant', value: false }
export const is = (variable: string, ...values: readonly string[]): Expression =>
  any(...values.map((value): Expression => ({ kind: 'is', variable, value })))
export const isNot = (variable: string, ...values: readonly string[]): Expression => not(is(variable, ...values))
export const same = (variable: string, other: string): Expression => ({ kind: 'same', variable, other })
export const all = (...of: readonly Expression[]): Expression => (of.length === 1 ? of[0]! : { kind: 'all', of })
export const any = (...of: readonly Expression[]): Expression => (of.length === 1 ? of[0]! : { kind: 'any', of })
export const not = (of: Expression): Expression => ({ kind: 'not', of })
export const isIn = (party: string, region: string, ...paths: readonly string[]): Expression =>
  any(...paths.map((path): Expression => ({ kind: 'in', party, region, path, before: false })))
export const wasIn = (party: string, region: string, ...paths: readonly string[]): Expression =>
  any(...paths.map((path): Expression => ({ kind: 'in', party, region, path, before: true })))
export const remembers = (party: string, member: string, value: Scalar): Expression => ({
  kind: 'remembers',
  party,
  member,
  value,
})

export const set = (variable: string, value: string): Statement => ({ kind: 'set', variable, value })
export const copy = (variable: string, from: string): Statement => ({ kind: 'copy', variable, from })
export const advance = (variable: string): Statement => ({ kind: 'advance', variable })
export const when = (
  condition: Expression,
  does: readonly Statement[],
  otherwise: readonly Statement[] = [],
): Statement => ({ kind: 'if', when: condition, does, otherwise })
export const tell = (party: string, event: CompiledEvent): Statement => ({ kind: 'tell', party, event })
export const reset = (party: string): Statement => ({ kind: 'reset', party })
export const breach = (property: string): Statement => ({ kind: 'breach', property })

/** Nothing that happens by itself is left. */
export const quiescent = (rules: readonly Rule[]): Expression =>
  all(...rules.filter(({ kind }) => kind === 'progress').map(({ when: condition }) => not(condition)))

/** A channel that carries what is pushed into it in order, up to `capacity` messages; as many variables. */
export interface MessageQueue {
  readonly variables: readonly Variable[]
  readonly push: (message: string) => Statement
  readonly pop: readonly Statement[]
  readonly clear: readonly Statement[]
  /** What comes next is one of these. */
  readonly next: (...messages: readonly string[]) => Expression
  readonly isEmpty: Expression
}

/** See {@link MessageQueue}. A message too many breaks the property `bound`. */
export const messageQueue = (name: string, capacity: number, messages: readonly string[]): MessageQueue => {
  const values = ['-', ...messages]
  const variables = Array.from({ length: capacity }, (_, place) => ({ name: `${name}.${place + 1}`, values }))
  const names = variables.map((variable) => variable.name)
  const first = names[0]!
  const pushAt = (place: number, message: string): Statement => {
    const variable = names[place]
    if (variable === undefined) return breach('bound')
    return when(is(variable, '-'), [set(variable, message)], [pushAt(place + 1, message)])
  }
  return {
    variables,
    push: (message) => pushAt(0, message),
    pop: [...names.slice(1).map((from, place) => copy(names[place]!, from)), set(names.at(-1)!, '-')],
    clear: names.map((variable) => set(variable, '-')),
    next: (...each) => is(first, ...each),
    isEmpty: is(first, '-'),
  }
}
