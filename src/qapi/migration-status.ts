/**
 * MigrationStatus: where a migration stands, as `query-migrate` and the MIGRATION event report it. The order of the members
 * is the schema's. Which status may follow which is the business of the charts, not of this file.
 */
import { type Schema } from 'effect'
import { enumeration } from './documentation.ts'
import { openEnum, type UnknownMember } from './open-enum.ts'
import { defaultProfile, type Profile } from './profile.ts'

const members = {
  none: { description: 'No migration has been started since the process began.', since: '2.3' },
  setup: { description: 'A migration was requested; connection and stream are being set up.', since: '2.3' },
  cancelling: { description: 'A cancel was requested and the migration is winding down.', since: '2.3' },
  cancelled: { description: 'The cancel has taken effect.', since: '2.3' },
  active: { description: 'State is being transferred while the source still owns the guest.', since: '2.3' },
  'postcopy-active': {
    description: 'State is being transferred while the guest belongs to the destination and pages follow on demand.',
    since: '2.5',
  },
  completed: { description: 'The migration ended well.', since: '2.3' },
  failed: { description: 'The migration ended with an error.', since: '2.3' },
  colo: {
    description: 'Primary and secondary run in lock step with checkpoints; reached only with capability x-colo.',
    since: '2.8',
  },
  'pre-switchover': {
    description: 'The guest is stopped and the migration waits for migrate-continue before it saves device state.',
    since: '2.11',
  },
  device: { description: 'Device state is being saved, after a pause in pre-switchover.', since: '2.11' },
} as const

/**
 * The eleven statuses of 2.11, in the schema's order. Source: `MigrationStatus` of `qapi/migration.json`, since 2.3.
 *
 * @example
 * ```ts
 * MigrationStatus.literals.length // 11
 * Schema.is(MigrationStatus)('wait-unplug') // false: that one came later, see openMigrationStatus
 * ```
 */
export const MigrationStatus = enumeration({
  name: 'MigrationStatus',
  since: '2.3',
  description: 'Where a migration stands.',
  literals: [
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
  ],
  members,
})
/** A member of {@link MigrationStatus}. */
export type MigrationStatus = (typeof MigrationStatus)['Type']

/** The fourteen statuses of 7.2 in its order: those of 2.11 with postcopy-paused, postcopy-recover and wait-unplug. */
export const MigrationStatus72 = enumeration({
  name: 'MigrationStatus',
  since: '2.3',
  description: 'Where a migration stands.',
  literals: [
    'none',
    'setup',
    'cancelling',
    'cancelled',
    'active',
    'postcopy-active',
    'postcopy-paused',
    'postcopy-recover',
    'completed',
    'failed',
    'colo',
    'pre-switchover',
    'device',
    'wait-unplug',
  ],
  members: {
    ...members,
    'postcopy-paused': { description: 'Postcopy lost its connection and waits for a recovery.', since: '3.0' },
    'postcopy-recover': { description: 'A paused postcopy is being taken up again on a new connection.', since: '3.0' },
    'wait-unplug': {
      description: 'Waiting for the guest to give up the primary network devices of failover pairs.',
      since: '4.2',
    },
  },
})
/** A member of {@link MigrationStatus72}. */
export type MigrationStatus72 = (typeof MigrationStatus72)['Type']

/** The statuses a peer of the profile can be in, in enum order: 11 of `2.11`, 14 of `7.2`. */
export const statuses = (profile: Profile = defaultProfile): ReadonlyArray<MigrationStatus72> =>
  profile === '7.2' ? MigrationStatus72.literals : MigrationStatus.literals

/** A status read from a peer: known, or carried along as {@link UnknownMember}. */
export type OpenMigrationStatus = MigrationStatus72 | UnknownMember

/** The schema to read a status with that came from outside; known is what any profile knows. Never fails on a string. */
export const OpenMigrationStatus: Schema.Codec<OpenMigrationStatus, string> = openEnum(MigrationStatus72)

/** As {@link OpenMigrationStatus}, but known is only what the profile knows: `wait-unplug` is unknown to `2.11`. */
export const openMigrationStatus = (profile: Profile): Schema.Codec<OpenMigrationStatus, string> =>
  profile === '7.2' ? OpenMigrationStatus : openMigrationStatus211

const openMigrationStatus211: Schema.Codec<OpenMigrationStatus, string> = openEnum(MigrationStatus)
