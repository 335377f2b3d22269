/**
 * The events of a migration, their data and their envelope. In 2.11 there are two, both only with capability `events` on.
 */
import { Schema } from 'effect'
import { COLOExitReason72, COLOMode72 } from './colo.ts'
import { required } from './documentation.ts'
import { MigrationStatus, MigrationStatus72, OpenMigrationStatus } from './migration-status.ts'
import { type Profile } from './profile.ts'
import { Int, Str } from './scalar.ts'

/** One event: the schema of its data (a struct), and what is said about it. */
export interface EventDefinition {
  readonly data: Schema.Codec<unknown, unknown>
  readonly since: string
  readonly description: string
}

const newStatus = { description: 'The status that was just entered.', since: '2.4', unit: 'none' } as const
const migration = {
  since: '2.4',
  description: 'The status has changed. Emitted on either side by its own events capability.',
}

const pass = {
  data: Schema.Struct({
    pass: required(Int, { description: 'Number of the pass; the first is 1.', since: '2.6', unit: 'count' }),
  }),
  since: '2.6',
  description: 'The source has synchronized the dirty bitmap, so a pass over memory begins.',
}

/**
 * The events by profile and name: `MIGRATION` and `MIGRATION_PASS`; 7.2 adds `COLO_EXIT` and `UNPLUG_PRIMARY`.
 * Source: `qapi/migration.json`; 7.2 from its own introspection.
 *
 * @example
 * ```ts
 * Schema.decodeUnknownSync(events['2.11'].MIGRATION.data)({ status: 'completed' }) // { status: 'completed' }
 * ```
 */
export const events = {
  '2.11': {
    MIGRATION: { data: Schema.Struct({ status: required(MigrationStatus, newStatus) }), ...migration },
    MIGRATION_PASS: pass,
  },
  '7.2': {
    MIGRATION: { data: Schema.Struct({ status: required(MigrationStatus72, newStatus) }), ...migration },
    MIGRATION_PASS: pass,
    COLO_EXIT: {
      data: Schema.Struct({
        mode: required(COLOMode72, { description: 'The role that was left.', since: '3.1', unit: 'none' }),
        reason: required(COLOExitReason72, { description: 'Why it was left.', since: '3.1', unit: 'none' }),
      }),
      since: '3.1',
      description: 'This process has left COLO.',
    },
    UNPLUG_PRIMARY: {
      data: Schema.Struct({
        'device-id': required(Str, { description: 'Id of the primary device.', since: '4.2', unit: 'none' }),
      }),
      since: '4.2',
      description: 'The guest was asked to give up the primary device of a failover pair.',
    },
  },
} as const satisfies Record<Profile, Record<string, EventDefinition>>

/** The name of an event of a profile, by default of 2.11. */
export type EventName<P extends Profile = '2.11'> = keyof (typeof events)[P] & string

/** The decoded data of an event. */
export type EventData<N extends EventName<P>, P extends Profile = '2.11'> = (typeof events)[P][N] extends {
  readonly data: { readonly Type: infer A }
}
  ? A
  : never

/** When an event happened: wall clock of the host, seconds since 1970 and microseconds within; both -1 if unknown. */
export const Timestamp = Schema.Struct({
  seconds: required(Int, { description: 'Seconds since 1970.', since: '0.14', unit: 's' }),
  microseconds: required(Int, { description: 'Microseconds within the second.', since: '0.14', unit: 'us' }),
}).annotate({ identifier: 'Timestamp', description: 'When an event happened.', since: '0.14' })
/** See {@link Timestamp}. */
export type Timestamp = (typeof Timestamp)['Type']

const envelope = <const N extends string, D extends Schema.Top>(name: N, data: D) =>
  Schema.Struct({ event: Schema.Literal(name), data, timestamp: Timestamp })

/** An event of the 2.11 schema in its envelope, as it stands on the wire. */
export const MigrationEvent = Schema.Union([
  envelope('MIGRATION', events['2.11'].MIGRATION.data),
  envelope('MIGRATION_PASS', events['2.11'].MIGRATION_PASS.data),
]).annotate({ identifier: 'MigrationEvent', description: 'An event of the migration schema.' })
/** See {@link MigrationEvent}. */
export type MigrationEvent = (typeof MigrationEvent)['Type']

/** As {@link MigrationEvent}, read from any peer: an unknown status is carried along as an `UnknownMember`. */
export const PeerMigrationEvent = Schema.Union([
  envelope('MIGRATION', Schema.Struct({ status: required(OpenMigrationStatus, newStatus) })),
  envelope('MIGRATION_PASS', events['2.11'].MIGRATION_PASS.data),
]).annotate({ identifier: 'PeerMigrationEvent', description: 'An event of the migration schema of a peer.' })
/** See {@link PeerMigrationEvent}. */
export type PeerMigrationEvent = (typeof PeerMigrationEvent)['Type']
