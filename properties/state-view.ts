/** Short questions about a core's state that several properties ask. */
import {
  coloMode,
  failoverStatus,
  imagesState,
  incomingStatus,
  isColoBroken,
  isSettled,
  outgoingStatus,
  pathOf,
  runState,
  type CoreState,
} from '../src/core/index.ts'

export { coloMode, failoverStatus, imagesState, incomingStatus, isColoBroken, outgoingStatus, pathOf, runState }

/** In lock-step between two checkpoints, or waiting for an operator after the pair came apart; and no failover is going on. */
export const isColoAtRest = (state: CoreState): boolean =>
  !['require', 'active', 'relaunch'].includes(failoverStatus(state)) &&
  (isColoBroken(state) || ['running', 'waiting'].includes(pathOf(state, 'colo')[2] ?? ''))

/** The end mark, or in postcopy the leave to run, is being handed over: the destination may run. */
export const isCommitted = (state: CoreState): boolean => {
  const [status = '', phase = ''] = pathOf(state, 'outgoing')
  if (status === 'postcopy-active' && phase === 'running') return true
  return ['completed', 'postcopy-paused', 'postcopy-recover'].includes(status) || committed.has(phase)
}

const committed = new Set(['releasing', 'committing', 'inquiring', 'abandoned'])

/** The statuses in which no run is going on. */
export const idleStatuses: ReadonlySet<string> = new Set(['none', 'completed', 'failed', 'cancelled'])

/** A run is going on in either direction, or one is still being let go. */
export const isBusy = (state: CoreState): boolean => {
  const outgoing = outgoingStatus(state)
  const [incoming = ''] = pathOf(state, 'incoming')
  if (!idleStatuses.has(outgoing) || !['none', 'completed', 'failed'].includes(incoming)) return true
  return !isSettled(state)
}

/** A primary that has left lock-step and keeps its guest. */
export const isSurvivor = (state: CoreState): boolean =>
  ['survivor', 'survived'].includes(pathOf(state, 'outgoing')[1] ?? '')

/** The manager of this process could let the guest run, or it runs. */
export const canRun = (state: CoreState): boolean =>
  imagesState(state) === 'held' && !['inmigrate', 'postmigrate', 'finish-migrate', 'colo'].includes(runState(state))
