/**
 * The answer to query-migrate. Which member is there depends on the status, and on what is switched on at the time of the
 * query (reference of the semantics, 5.1); every figure comes from one state, so an answer is one consistent picture (I12).
 */
import type { MigrationInfo, MigrationInfo72 } from '../qapi/index.ts'
import {
  hasQuirk,
  incomingStatus,
  isColoBroken,
  isSettled,
  outgoingStatus,
  type CoreState,
  type OutgoingRun,
} from './core-state.ts'
import { counters, passing } from './figures.ts'
import { socketAddress } from './uri.ts'

/** What `query-migrate` answers, by profile. */
export type AnyMigrationInfo = MigrationInfo | MigrationInfo72

const running = new Set([
  'active',
  'postcopy-active',
  'pre-switchover',
  'device',
  'cancelling',
  'postcopy-paused',
  'postcopy-recover',
])

/** What broke is told as long as it is broken, for whoever has to mend it; QEMU's own answer is silent. */
const isPaused = (status: string): boolean => status === 'postcopy-paused'

const isStatus = (status: string): status is NonNullable<MigrationInfo['status']> => status !== ''

/** The MigrationInfo of a state. */
export const migrationInfo = (state: CoreState, nowMillis: number): AnyMigrationInfo => {
  const arrival = { ...(state.profile === '7.2' ? aboutProcess(state) : {}), ...aboutSecondary(state) }
  const info = { ...arrival, ...aboutRun(state, nowMillis) }
  // The counters are those of the profile; a test decodes every answer with the profile's own schema.
  return info as AnyMigrationInfo
}

const aboutRun = (state: CoreState, nowMillis: number) => {
  const status = outgoingStatus(state)
  const run = state.outgoing
  if (!isStatus(status) || status === 'none' || run === undefined) return {}
  if (running.has(status))
    return {
      status,
      ...(isPaused(status) && run.error !== undefined ? { 'error-desc': run.error } : {}),
      'total-time': nowMillis - run.startedMillis,
      'expected-downtime': run.expectedDowntimeMillis,
      'setup-time': run.setupMillis,
      ...counters(state, run),
      ...passing(state, run),
    }
  if (status === 'completed') return { status, ...totals(state, run), ...counters(state, run) }
  const tells = status === 'failed' || (isColoBroken(state) && !hasQuirk(state, 'q11'))
  return tells && run.error !== undefined ? { status, 'error-desc': run.error } : { status }
}

/** A secondary whose pair has come apart says why, also in 2.11, which says nothing else of an incoming side. */
const aboutSecondary = (state: CoreState) => {
  const error = state.incoming?.error
  const tells = incomingStatus(state) === 'colo' && isColoBroken(state) && !hasQuirk(state, 'q11')
  return tells && error !== undefined ? { status: 'colo' as const, 'error-desc': error } : {}
}

const totals = (state: CoreState, run: OutgoingRun) => {
  const setup = { 'setup-time': run.setupMillis }
  // Quirk q13: until the thread has ended the total is what 2.11 uses it for meanwhile, the time of the start.
  if (hasQuirk(state, 'q13') && !isSettled(state))
    return { 'total-time': state.profile === '7.2' ? 0 : run.startedMillis, downtime: 0, ...setup }
  return { 'total-time': run.totalMillis ?? 0, downtime: run.downtimeMillis ?? 0, ...setup }
}

/** What only 7.2 tells, whatever the outgoing side does: why nothing can leave, where it listens, what has arrived. */
const aboutProcess = (state: CoreState): MigrationInfo72 => {
  const { blockers } = state.equipment
  const status = incomingStatus(state)
  const error = state.incoming?.error
  const listens = !['completed', 'failed'].includes(status) ? socketAddress(state.incoming?.address ?? '') : []
  return {
    ...(blockers.length === 0 ? {} : { 'blocked-reasons': blockers }),
    ...(listens.length === 0 ? {} : { 'socket-address': listens }),
    ...(isStatus(status) && status !== 'none' ? { status } : {}),
    ...(isPaused(status) && error !== undefined ? { 'error-desc': error } : {}),
  }
}
