/** The statuses, roles and messages that the charts have, by profile. A test holds them against the schema. */
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

/** COLOMode of QEMU 2.11, in the schema's order; 7.2 calls the first one `none`. */
export const coloModes = ['unknown', 'primary', 'secondary'] as const

/** A role in COLO. */
export type ColoMode = (typeof coloModes)[number]

/** COLOMessage, in the schema's order, which is that of the wire. */
export const coloMessages = [
  'checkpoint-ready',
  'checkpoint-request',
  'checkpoint-reply',
  'vmstate-send',
  'vmstate-size',
  'vmstate-received',
  'vmstate-loaded',
] as const

/** A message between primary and secondary. */
export type ColoMessage = (typeof coloMessages)[number]

/** FailoverStatus, in the schema's order. */
export const failoverStatuses = ['none', 'require', 'active', 'completed', 'relaunch'] as const

/** How far a failover has got. */
export type FailoverStatus = (typeof failoverStatuses)[number]
