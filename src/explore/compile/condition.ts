/** Guards as data: XState's own combinators are taken apart, functions are worked out for an event. */
import { and, not, or, stateIn } from 'xstate'
import type { CompiledEvent, Condition } from './automaton.ts'
import { ChartNotFinite } from './chart-not-finite.ts'
import type { Vocabulary } from './compile.ts'
import { decisionOf } from './decision.ts'
import type { RegionNodes } from './region.ts'
import { isWithin } from './automaton.ts'

/** How XState marks the guards that it makes itself. */
interface BuiltinGuard {
  readonly check: unknown
  readonly guards?: readonly unknown[]
  readonly stateValue?: unknown
}

const checkOf = (guard: unknown): unknown => (guard as BuiltinGuard).check
const checks = {
  and: checkOf(and([])),
  or: checkOf(or([])),
  not: checkOf(not(() => true)),
  stateIn: checkOf(stateIn('x')),
}

type Plain = (args: { readonly context: object; readonly event: CompiledEvent }, params: unknown) => unknown

/** The condition of a guard for one event. */
export const conditionOf = (
  vocabulary: Vocabulary,
  regions: readonly RegionNodes[],
  guard: unknown,
  event: CompiledEvent,
): Condition => {
  if (guard === undefined) return { kind: 'constant', value: true }
  const again = (other: unknown): Condition => conditionOf(vocabulary, regions, other, event)
  if (typeof guard === 'string' || (typeof guard === 'object' && guard !== null)) {
    const name = typeof guard === 'string' ? guard : String((guard as { readonly type: unknown }).type)
    const resolved: unknown = vocabulary.machine.implementations.guards[name]
    if (resolved === undefined) throw new ChartNotFinite(`guard ${name}`, 'an implementation', 'none')
    const params = typeof guard === 'object' && 'params' in guard ? guard.params : undefined
    return typeof resolved === 'function' && !('check' in resolved)
      ? asked(vocabulary, resolved as Plain, params, event)
      : again(resolved)
  }
  if (typeof guard !== 'function') throw new ChartNotFinite('a guard', 'a name or a function', typeof guard)
  if (!('check' in guard)) return asked(vocabulary, guard as unknown as Plain, undefined, event)
  const { check, guards = [], stateValue } = guard as unknown as BuiltinGuard
  switch (check) {
    case checks.and:
      return { kind: 'all', conditions: guards.map(again) }
    case checks.or:
      return { kind: 'any', conditions: guards.map(again) }
    case checks.not:
      return { kind: 'not', condition: again(guards[0]) }
    case checks.stateIn:
      return isIn(regions, stateValue)
    default:
      throw new ChartNotFinite('a guard', 'a function, and, or, not, stateIn', 'another of XState’s own')
  }
}

const asked = (vocabulary: Vocabulary, guard: Plain, params: unknown, event: CompiledEvent): Condition => {
  const decision = decisionOf(vocabulary.members, (context) => {
    const given = typeof params === 'function' ? (params as Plain)({ context, event }, undefined) : params
    return Boolean(guard({ context, event }, given))
  })
  return 'result' in decision ? { kind: 'constant', value: decision.result } : { kind: 'context', decision }
}

/** `'#id'`, or a state value: a path in each of the regions that it names. */
const isIn = (regions: readonly RegionNodes[], value: unknown): Condition => {
  if (typeof value === 'string' && value.startsWith('#')) {
    const conditions = regions.flatMap((region, index): Condition[] => {
      const states = region.path.flatMap((nodes, state) => (nodes.some(({ id }) => `#${id}` === value) ? [state] : []))
      return states.length === 0 ? [] : [{ kind: 'in', region: index, states }]
    })
    return { kind: 'any', conditions }
  }
  const [only] = regions
  if (only?.name === '') return within(only, 0, pathOf(value))
  if (typeof value === 'string') return { kind: 'constant', value: regions.some(({ name }) => name === value) }
  const conditions = Object.entries(value as object).map(([name, below]): Condition => {
    const index = regions.findIndex((region) => region.name === name)
    return index < 0 ? { kind: 'constant', value: false } : within(regions[index]!, index, pathOf(below))
  })
  return { kind: 'all', conditions }
}

const within = (region: RegionNodes, index: number, path: string): Condition => ({
  kind: 'in',
  region: index,
  states: region.states.flatMap((state, place) => (isWithin(state, path) ? [place] : [])),
})

const pathOf = (value: unknown): string => {
  if (typeof value === 'string') return value
  const [entry, ...others] = Object.entries(value as object)
  if (entry === undefined || others.length > 0)
    throw new ChartNotFinite('a stateIn', 'one state at each level', JSON.stringify(value))
  return `${entry[0]}.${pathOf(entry[1])}`
}
