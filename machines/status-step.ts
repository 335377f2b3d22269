/** The steps of MigrationStatus, written down apart from the charts, from QEMU's own source: what may follow what. */
import type { Profile } from './profile.ts'

const outgoing211: Readonly<Record<string, readonly string[]>> = {
  none: ['setup'],
  setup: ['active', 'failed', 'cancelling'],
  active: ['completed', 'pre-switchover', 'postcopy-active', 'colo', 'failed', 'cancelling'],
  'pre-switchover': ['device', 'postcopy-active', 'failed', 'cancelling'],
  // QEMU itself enters COLO from active only, and gets lost on the way from device (h15, h20).
  device: ['completed', 'colo', 'failed', 'cancelling'],
  'postcopy-active': ['completed', 'failed', 'cancelling'],
  colo: ['completed'],
  cancelling: ['cancelled'],
  completed: ['setup'],
  failed: ['setup'],
  cancelled: ['setup'],
}

const outgoing72: Readonly<Record<string, readonly string[]>> = {
  ...outgoing211,
  setup: [...outgoing211['setup']!, 'wait-unplug'],
  'wait-unplug': ['active', 'failed', 'cancelling'],
  'postcopy-active': [...outgoing211['postcopy-active']!, 'postcopy-paused'],
  'postcopy-paused': ['postcopy-recover', 'failed'],
  'postcopy-recover': ['postcopy-active', 'postcopy-paused', 'failed'],
}

const incoming: Readonly<Record<string, readonly string[]>> = {
  none: ['active'],
  active: ['completed', 'failed', 'postcopy-active', 'colo'],
  'postcopy-active': ['completed', 'failed', 'postcopy-paused'],
  'postcopy-paused': ['postcopy-recover', 'failed'],
  'postcopy-recover': ['postcopy-active', 'postcopy-paused', 'failed'],
  colo: ['completed', 'failed'],
}

/** The statuses that may directly follow one. */
export const successors = (side: 'outgoing' | 'incoming', profile: Profile, status: string): readonly string[] =>
  (side === 'incoming' ? incoming : profile === '7.2' ? outgoing72 : outgoing211)[status] ?? []

/** Whether a run that was in one status can later be in another, without a new run. */
export const reaches = (side: 'outgoing' | 'incoming', profile: Profile, from: string, to: string): boolean => {
  const seen = new Set([from])
  for (const status of seen) for (const next of successors(side, profile, status)) if (next !== 'setup') seen.add(next)
  return seen.has(to)
}
