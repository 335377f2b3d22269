/** The run state in which a source had its guest, as the destination takes it over. */
import type { StoppableRunState, StoppedRunState } from '../../machines/index.ts'

const stoppedStates: ReadonlySet<string> = new Set<StoppedRunState>([
  'paused',
  'prelaunch',
  'suspended',
  'io-error',
  'shutdown',
  'postmigrate',
])

/** Run states that travel, in words. */
export const travelling = ['running', ...stoppedStates].join(', ')

/** Whether a guest can arrive in this run state. */
export const canArrive = (runState: string | undefined): runState is StoppableRunState =>
  runState === 'running' || (runState !== undefined && stoppedStates.has(runState))

/** How the source found its guest, as a fact has it. */
export const arrivalOf = (
  runState: StoppableRunState,
): { readonly running: boolean; readonly stopped?: StoppedRunState } =>
  runState === 'running' ? { running: true } : { running: false, stopped: runState }
