/**
 * The answer to query-migrate. Which member is there depends on the status alone, in both profiles; every figure comes
 * from one state, so an answer is one consistent picture (I12).
 */
import type { MigrationInfo } from '../qapi/index.ts'
import { incomingStatus, outgoingStatus, type CoreState, type OutgoingRun } from './core-state.ts'

const running = new Set([
  'active',
  'postcopy-active',
  'pre-switchover',
  'device',
  'cancelling',
  'postcopy-paused',
  'postcopy-recover',
])

const figures = (run: OutgoingRun) => (run.ram === undefined ? {} : { ram: run.ram })

const isStatus = (status: string): status is NonNullable<MigrationInfo['status']> => status !== ''

/** The MigrationInfo of a state. */
export const migrationInfo = (state: CoreState, nowMillis: number): MigrationInfo => {
  const status = outgoingStatus(state)
  const run = state.outgoing
  if (!isStatus(status)) return {}
  if (status === 'none' || run === undefined) return incomingInfo(state)
  if (running.has(status))
    return {
      status,
      'total-time': nowMillis - run.startedMillis,
      'expected-downtime': run.expectedDowntimeMillis,
      'setup-time': run.setupMillis,
      ...figures(run),
    }
  if (status === 'completed')
    return {
      status,
      'total-time': run.totalMillis ?? 0,
      downtime: run.downtimeMillis ?? 0,
      'setup-time': run.setupMillis,
      ...figures(run),
    }
  if (status === 'failed' && run.error !== undefined) return { status, 'error-desc': run.error }
  return { status }
}

/** 2.11 reports the outgoing side only; 7.2 also tells a destination's status. */
const incomingInfo = (state: CoreState): MigrationInfo => {
  const status = incomingStatus(state)
  return state.profile === '7.2' && isStatus(status) && status !== 'none' ? { status } : {}
}
