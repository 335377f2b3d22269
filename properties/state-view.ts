/** Short questions about a core's state that several properties ask. */
import { imagesState, incomingStatus, outgoingStatus, runState, type CoreState } from '../src/core/index.ts'

export { imagesState, incomingStatus, outgoingStatus, runState }

/** The states of one region, outermost first: `['active', 'iterating']`. */
export const pathOf = (state: CoreState, region: 'outgoing' | 'incoming' | 'guest' | 'images'): readonly string[] => {
  const path: string[] = []
  let value = typeof state.chart.value === 'string' ? undefined : state.chart.value[region]
  while (value !== undefined) {
    if (typeof value === 'string') return [...path, value]
    const [name] = Object.keys(value)
    if (name === undefined) return path
    path.push(name)
    value = value[name]
  }
  return path
}

/** The end mark, or the postcopy package, has been handed over: the destination may run. */
export const isCommitted = (state: CoreState): boolean => {
  const [status = '', phase = ''] = pathOf(state, 'outgoing')
  if (status === 'postcopy-active') return phase === 'running'
  return ['completed', 'colo', 'postcopy-paused', 'postcopy-recover'].includes(status) || committed.has(phase)
}

const committed = new Set(['releasing', 'committing', 'inquiring', 'abandoned'])

/** The statuses in which no run is going on. */
export const idleStatuses: ReadonlySet<string> = new Set(['none', 'completed', 'failed', 'cancelled'])

/** A run is going on in either direction, or one is still being let go. */
export const isBusy = (state: CoreState): boolean => {
  const [outgoing = '', phase] = pathOf(state, 'outgoing')
  const [incoming = ''] = pathOf(state, 'incoming')
  if (!idleStatuses.has(outgoing) || !['none', 'completed', 'failed'].includes(incoming)) return true
  return phase !== undefined && phase !== 'settled'
}

/** The manager of this process could let the guest run, or it runs. */
export const canRun = (state: CoreState): boolean =>
  imagesState(state) === 'held' && !['inmigrate', 'postmigrate', 'finish-migrate', 'colo'].includes(runState(state))
