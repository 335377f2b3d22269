/** The statuses that the charts have, by profile. A test holds them against the schema. */
import type { Profile } from './profile.ts'

/** MigrationStatus of QEMU 2.11, in the schema's order. */
export const statuses211 = [
  'none',
  'setup',
  'cancelling',
  'cancelled',
  'active',
  'postcopy-active',
  'completed',
  'failed',
  'colo',
  'pre-switchover',
  'device',
] as const

/** What 7.2 adds. */
export const statuses72 = ['postcopy-paused', 'postcopy-recover', 'wait-unplug'] as const

/** A status of any profile. */
export type MigrationStatus = (typeof statuses211)[number] | (typeof statuses72)[number]

/** The statuses of a profile. */
export const statusesOf = (profile: Profile): readonly MigrationStatus[] =>
  profile === '7.2' ? [...statuses211, ...statuses72] : statuses211
