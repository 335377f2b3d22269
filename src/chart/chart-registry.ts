/**
 * The charts by name: whatever `machines/` exports as `…Machine` is one. Nothing is listed twice, so a new chart is drawn,
 * exported and viewed as soon as it exists.
 */
import type { AnyStateMachine } from 'xstate'
import * as machines from '../../machines/index.ts'
import type { ProcessOptions } from '../../machines/index.ts'

/** What a chart is drawn for. */
export type ChartVariantOptions = ProcessOptions

const suffix = 'Machine'

const isMachine = (value: unknown): value is AnyStateMachine =>
  typeof value === 'object' && value !== null && 'root' in value && 'config' in value

const build = (exported: unknown, options: ChartVariantOptions): AnyStateMachine | undefined => {
  const made: unknown = typeof exported === 'function' ? exported(options) : exported
  return isMachine(made) ? made : undefined
}

const exportsByName: ReadonlyMap<string, unknown> = new Map(
  Object.entries(machines)
    .filter(([name]) => name.endsWith(suffix) && name.length > suffix.length)
    .map(([name, exported]): [string, unknown] => [name.slice(0, -suffix.length), exported])
    .filter(([, exported]) => build(exported, {}) !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1)),
)

/** The names of all charts, sorted. */
export const chartNames: readonly string[] = [...exportsByName.keys()]

/**
 * A chart by its name; undefined where there is none. A chart that no profile or quirk changes ignores them; the incoming
 * chart is that of a process that was started with `-incoming`, unless something else is said.
 *
 * @example
 * chartNamed('outgoing', { profile: '7.2' })?.id // 'outgoing'
 */
export const chartNamed = (name: string, options: ChartVariantOptions = {}): AnyStateMachine | undefined =>
  build(exportsByName.get(name), { incoming: name === 'incoming', ...options })
