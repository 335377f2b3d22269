/**
 * Every command of the schema with what it takes and what it returns, as one table a profile. What a command does, and in
 * which state it is refused, is decided in the core; reading its arguments is `decodeArguments`.
 */
import { Schema } from 'effect'
import { MigrationCapabilityStatus, MigrationCapabilityStatus72 } from './capability.ts'
import { COLOExitReason72, COLOMode72 } from './colo.ts'
import { optional, required } from './documentation.ts'
import { MigrationInfo, MigrationInfo72 } from './migration-info.ts'
import { MigrationStatus, MigrationStatus72 } from './migration-status.ts'
import {
  MigrateSetParameters,
  MigrateSetParameters72,
  MigrationParameters,
  MigrationParameters72,
} from './parameters.ts'
import { defaultProfile, type Profile } from './profile.ts'
import { ReplicationStatus } from './replication.ts'
import { Bool, Int, Nothing, Num, Str } from './scalar.ts'

/** One command: schemas of its arguments (a struct) and of its result, and what is said about it. */
export interface CommandDefinition {
  readonly arguments: Schema.Codec<unknown, unknown>
  readonly returns: Schema.Codec<unknown, unknown>
  readonly since: string
  readonly description: string
  /** The command that replaces it, where it is deprecated. All of these were removed in 6.0. */
  readonly deprecated?: string
}

const none = Schema.Struct({})

const status = 'The status the migration is expected to be in now.'

/** The result of `query-colo-status` in 7.2. */
export const COLOStatus72 = Schema.Struct({
  mode: required(COLOMode72, { description: 'The role now.', since: '3.1', unit: 'none' }),
  'last-mode': required(COLOMode72, { description: 'The role before.', since: '4.0', unit: 'none' }),
  reason: required(COLOExitReason72, { description: 'Why COLO was left.', since: '3.1', unit: 'none' }),
}).annotate({ identifier: 'COLOStatus', description: 'The role in COLO.', since: '3.1' })
/** See {@link COLOStatus72}. */
export type COLOStatus72 = (typeof COLOStatus72)['Type']

const migrateArguments = {
  uri: required(Str, {
    description: 'The destination: tcp:, unix:, exec:, fd: or (where built in) rdma:.',
    since: '0.14',
    unit: 'none',
  }),
  blk: optional(Bool, { description: 'Copy the disks too, whole. Default false.', since: '0.14', unit: 'none' }),
  inc: optional(Bool, {
    description: 'Copy the active layer of the disks. Default false.',
    since: '0.14',
    unit: 'none',
  }),
  detach: optional(Bool, { description: 'Ignored; there for compatibility.', since: '0.14', unit: 'none' }),
}

/** The commands that are the same in 2.11 and 7.2. */
const shared = {
  client_migrate_info: {
    arguments: Schema.Struct({
      protocol: required(Str, { description: 'Only "spice".', since: '0.14', unit: 'none' }),
      hostname: required(Str, { description: 'Host of the destination.', since: '0.14', unit: 'none' }),
      port: optional(Int, { description: 'Port for channels in the clear.', since: '0.14', unit: 'port' }),
      'tls-port': optional(Int, { description: 'Port for channels over TLS.', since: '0.14', unit: 'port' }),
      'cert-subject': optional(Str, {
        description: 'Subject of the certificate of the server.',
        since: '0.14',
        unit: 'none',
      }),
    }),
    returns: Nothing,
    since: '0.14',
    description: 'Tell clients of a remote display where to connect after the migration. Only with SPICE.',
  },
  'migrate-start-postcopy': {
    arguments: none,
    returns: Nothing,
    since: '2.5',
    description: 'Let the running migration go on as postcopy; postcopy-ram has to be on since before it began.',
  },
  'x-colo-lost-heartbeat': {
    arguments: none,
    returns: Nothing,
    since: '2.8',
    description: 'The peer in COLO is lost: a primary leaves COLO, a secondary takes over.',
  },
  migrate_cancel: {
    arguments: none,
    returns: Nothing,
    since: '0.14',
    description: 'Cancel the migration. Succeeds without one too.',
  },
  'migrate-incoming': {
    arguments: Schema.Struct({
      uri: required(Str, {
        description: 'Where to listen, as for -incoming: tcp:, unix:, exec:, fd:.',
        since: '2.3',
        unit: 'none',
      }),
    }),
    returns: Nothing,
    since: '2.3',
    description: 'Start to wait for a migration, in a process started with -incoming defer.',
  },
  'xen-save-devices-state': {
    arguments: Schema.Struct({
      filename: required(Str, { description: 'File to write to.', since: '1.1', unit: 'none' }),
      live: optional(Bool, {
        description: 'Whether this is part of a live migration, so that image locks are released. Default true.',
        since: '2.11',
        unit: 'none',
      }),
    }),
    returns: Nothing,
    since: '1.1',
    description: 'Save the state of all devices, without RAM and disks, to a file.',
  },
  'xen-set-replication': {
    arguments: Schema.Struct({
      enable: required(Bool, { description: 'Start or stop it.', since: '2.9', unit: 'none' }),
      primary: required(Bool, { description: 'As primary or as secondary.', since: '2.9', unit: 'none' }),
      failover: optional(Bool, {
        description: 'When stopping, take over or just stop. Not to be given with enable. Default false.',
        since: '2.9',
        unit: 'none',
      }),
    }),
    returns: Nothing,
    since: '2.9',
    description: 'Start or stop block replication.',
  },
  'query-xen-replication-status': {
    arguments: none,
    returns: ReplicationStatus,
    since: '2.9',
    description: 'Ask whether block replication works.',
  },
  'xen-colo-do-checkpoint': {
    arguments: none,
    returns: Nothing,
    since: '2.9',
    description: 'Make a checkpoint of block replication.',
  },
} as const satisfies Record<string, CommandDefinition>

const capabilityList = {
  description: 'The capabilities to change; of two for the same one the later counts.',
  since: '1.2',
  unit: 'none',
} as const

const texts = {
  queryMigrate: { since: '0.14', description: 'Ask for state and progress of the migration. Never fails.' },
  setCapabilities: { since: '1.2', description: 'Switch capabilities on and off.' },
  queryCapabilities: { since: '1.2', description: 'Ask which capabilities are on; all of them, in enum order.' },
  setParameters: { since: '2.4', description: 'Set parameters; of a set with a bad value none is applied.' },
  queryParameters: { since: '2.4', description: 'Ask for all parameters.' },
  migrateContinue: { since: '2.11', description: 'Go on after a pause.' },
  migrate: { since: '0.14', description: 'Start to migrate the guest away. Progress is seen by query-migrate.' },
} as const

const commands211 = {
  'query-migrate': { arguments: none, returns: MigrationInfo, ...texts.queryMigrate },
  'migrate-set-capabilities': {
    arguments: Schema.Struct({
      capabilities: required(Schema.Array(MigrationCapabilityStatus), capabilityList),
    }),
    returns: Nothing,
    ...texts.setCapabilities,
  },
  'query-migrate-capabilities': {
    arguments: none,
    returns: Schema.Array(MigrationCapabilityStatus),
    ...texts.queryCapabilities,
  },
  'migrate-set-parameters': { arguments: MigrateSetParameters, returns: Nothing, ...texts.setParameters },
  'query-migrate-parameters': { arguments: none, returns: MigrationParameters, ...texts.queryParameters },
  'migrate-continue': {
    arguments: Schema.Struct({
      state: required(MigrationStatus, { description: status, since: '2.11', unit: 'none' }),
    }),
    returns: Nothing,
    ...texts.migrateContinue,
  },
  migrate_set_downtime: {
    arguments: Schema.Struct({
      value: required(Num, { description: 'The longest downtime, 0 to 2000.', since: '0.14', unit: 's' }),
    }),
    returns: Nothing,
    since: '0.14',
    description: 'Set downtime-limit, in seconds.',
    deprecated: 'migrate-set-parameters',
  },
  migrate_set_speed: {
    arguments: Schema.Struct({
      value: required(Int, { description: 'The most to send, 0 to 2^63 - 1.', since: '0.14', unit: 'B/s' }),
    }),
    returns: Nothing,
    since: '0.14',
    description: 'Set max-bandwidth.',
    deprecated: 'migrate-set-parameters',
  },
  'migrate-set-cache-size': {
    arguments: Schema.Struct({
      value: required(Int, {
        description: 'The size; the schema rounds it down to a power of two, the code of 2.11 refuses others.',
        since: '1.2',
        unit: 'B',
      }),
    }),
    returns: Nothing,
    since: '1.2',
    description: 'Set xbzrle-cache-size, also while a migration runs.',
    deprecated: 'migrate-set-parameters',
  },
  'query-migrate-cache-size': {
    arguments: none,
    returns: Int,
    since: '1.2',
    description: 'Ask for xbzrle-cache-size, in bytes.',
    deprecated: 'query-migrate-parameters',
  },
  migrate: { arguments: Schema.Struct(migrateArguments), returns: Nothing, ...texts.migrate },
  ...shared,
} as const satisfies Record<string, CommandDefinition>

const commands72 = {
  'query-migrate': { arguments: none, returns: MigrationInfo72, ...texts.queryMigrate },
  'migrate-set-capabilities': {
    arguments: Schema.Struct({
      capabilities: required(Schema.Array(MigrationCapabilityStatus72), capabilityList),
    }),
    returns: Nothing,
    ...texts.setCapabilities,
  },
  'query-migrate-capabilities': {
    arguments: none,
    returns: Schema.Array(MigrationCapabilityStatus72),
    ...texts.queryCapabilities,
  },
  'migrate-set-parameters': { arguments: MigrateSetParameters72, returns: Nothing, ...texts.setParameters },
  'query-migrate-parameters': { arguments: none, returns: MigrationParameters72, ...texts.queryParameters },
  'migrate-continue': {
    arguments: Schema.Struct({
      state: required(MigrationStatus72, { description: status, since: '2.11', unit: 'none' }),
    }),
    returns: Nothing,
    ...texts.migrateContinue,
  },
  migrate: {
    arguments: Schema.Struct({
      ...migrateArguments,
      resume: optional(Bool, { description: 'Take up a paused postcopy. Default false.', since: '3.0', unit: 'none' }),
    }),
    returns: Nothing,
    ...texts.migrate,
  },
  'migrate-recover': {
    arguments: Schema.Struct({
      uri: required(Str, { description: 'Where to listen for the new connection.', since: '3.0', unit: 'none' }),
    }),
    returns: Nothing,
    since: '3.0',
    description: 'On the destination, wait for a paused postcopy to be taken up again.',
  },
  'migrate-pause': { arguments: none, returns: Nothing, since: '3.0', description: 'Pause a postcopy.' },
  'query-colo-status': {
    arguments: none,
    returns: COLOStatus72,
    since: '3.1',
    description: 'Ask for the role in COLO.',
  },
  ...shared,
} as const satisfies Record<string, CommandDefinition>

/**
 * The commands by profile and name: the 20 of 2.11, all in the schema; the 16 of these that 7.2 still has, with its
 * extensions, and migrate-recover, migrate-pause and query-colo-status. Source: `qapi/migration.json`; 7.2 from its own
 * introspection.
 *
 * @example
 * ```ts
 * commands['2.11'].migrate_set_speed.deprecated // 'migrate-set-parameters'
 * Schema.decodeUnknownSync(commands['2.11']['query-migrate'].returns)({}) // {}
 * ```
 */
export const commands = { '2.11': commands211, '7.2': commands72 } as const satisfies Record<
  Profile,
  Record<string, CommandDefinition>
>

/** The name of a command of a profile, by default of 2.11. */
export type CommandName<P extends Profile = '2.11'> = keyof (typeof commands)[P] & string

/** The decoded arguments of a command. */
export type CommandArguments<N extends CommandName<P>, P extends Profile = '2.11'> = (typeof commands)[P][N] extends {
  readonly arguments: { readonly Type: infer A }
}
  ? A
  : never

/** The decoded result of a command. */
export type CommandReturns<N extends CommandName<P>, P extends Profile = '2.11'> = (typeof commands)[P][N] extends {
  readonly returns: { readonly Type: infer A }
}
  ? A
  : never

/** The names of the commands of a profile. */
export const commandNames = <P extends Profile = '2.11'>(profile?: P): ReadonlyArray<CommandName<P>> =>
  Object.keys(commands[profile ?? defaultProfile]) as unknown as ReadonlyArray<CommandName<P>>

/** Whether a word from outside names a command of the profile; what is not answers `CommandNotFound`. */
export const isCommandName = <P extends Profile = '2.11'>(name: string, profile?: P): name is CommandName<P> =>
  Object.hasOwn(commands[profile ?? defaultProfile], name)
