/**
 * A function of a chart's context as a tree: each node asks for one member, each leaf is a result. It is found by trying:
 * the function is called with a context that tells what is read, once for every value of what it reads. So a guard, an
 * assignment or a raised event written as a JavaScript function becomes data, exactly, and asks no more than it needs.
 */

/** What a member of a context can hold. A member that holds anything else has no finite domain. */
export type Scalar = string | number | boolean | null | undefined

/** A member of the context and the values it has been seen to take; the place of a value is its number. */
export interface Member {
  readonly name: string
  readonly values: readonly Scalar[]
}

/** See the head of this file. `member` is a place in the list of members, `cases` has a branch for each of its values. */
export type Decision<T> = { readonly result: T } | { readonly member: number; readonly cases: readonly Decision<T>[] }

/** Asked for a member whose value has not been chosen yet. */
class Unread extends Error {
  readonly member: number
  constructor(member: number) {
    super('a member is read')
    this.member = member
  }
}

const contextOf = (members: readonly Member[], chosen: ReadonlyMap<number, number>): object => {
  const context = {}
  for (const [member, { name, values }] of members.entries())
    Object.defineProperty(context, name, {
      enumerable: true,
      get: () => {
        const value = chosen.get(member)
        if (value === undefined) throw new Unread(member)
        return values[value]
      },
    })
  return context
}

/** The tree of a function of the context. `key` tells results apart. */
export const decisionOf = <T>(
  members: readonly Member[],
  evaluate: (context: object) => T,
  key: (result: T) => unknown = (result) => result,
): Decision<T> => {
  const build = (chosen: ReadonlyMap<number, number>): Decision<T> => {
    try {
      return { result: evaluate(contextOf(members, chosen)) }
    } catch (error) {
      if (!(error instanceof Unread)) throw error
      const { member } = error
      const cases = members[member]!.values.map((_, value) => build(new Map(chosen).set(member, value)))
      return collapse({ member, cases }, key)
    }
  }
  return build(new Map())
}

/** A question whose answers are all the same need not be asked. */
const collapse = <T>(decision: Extract<Decision<T>, { member: number }>, key: (result: T) => unknown): Decision<T> => {
  const [first] = decision.cases
  if (first === undefined || !('result' in first)) return decision
  const same = decision.cases.every((each) => 'result' in each && key(each.result) === key(first.result))
  return same ? first : decision
}

/** The same tree with other results. */
export const mapDecision = <T, U>(
  decision: Decision<T>,
  change: (result: T) => U,
  key: (result: U) => unknown = (result) => result,
): Decision<U> =>
  'result' in decision
    ? { result: change(decision.result) }
    : collapse({ member: decision.member, cases: decision.cases.map((each) => mapDecision(each, change, key)) }, key)

/** The result for a context, given as the number of each member's value. */
export const resultOf = <T>(decision: Decision<T>, values: ArrayLike<number>): T => {
  let at = decision
  while (!('result' in at)) at = at.cases[values[at.member]!]!
  return at.result
}

/** Every result that a tree can give. */
export const resultsOf = <T>(decision: Decision<T>): readonly T[] =>
  'result' in decision ? [decision.result] : decision.cases.flatMap(resultsOf)
