/**
 * The parameters of a migration: their names, the struct that sets them (all optional) and the struct that reports them
 * (all there, though the schema calls them optional). Defaults and ranges are data of their own: `parameter-facts.ts`.
 */
import { Schema } from 'effect'
import { enumeration, type MemberDocumentation, optional, required } from './documentation.ts'
import { openEnum, type UnknownMember } from './open-enum.ts'
import { Bool, Int, Size, Str, StrOrNull, Uint32, Uint64, Uint8 } from './scalar.ts'

const common = {
  'compress-level': {
    description: 'Effort of compression: 0 none, 1 fastest, 9 smallest.',
    since: '2.4',
    unit: 'level',
  },
  'compress-threads': { description: 'Threads that compress on the source.', since: '2.4', unit: 'count' },
  'decompress-threads': {
    description: 'Threads that decompress on the destination; a quarter of compress-threads usually is enough.',
    since: '2.4',
    unit: 'count',
  },
  'cpu-throttle-initial': { description: 'How much auto-converge throttles at first.', since: '2.7', unit: '%' },
  'cpu-throttle-increment': {
    description: 'How much more auto-converge throttles each time that it did not suffice.',
    since: '2.7',
    unit: '%',
  },
  'tls-creds': {
    description:
      'Id of the TLS credentials (client end on the source, server end on the destination); empty for no TLS.',
    since: '2.7',
    unit: 'none',
  },
  'tls-hostname': {
    description: 'Name to verify the certificate of the destination against; empty to take it from the URI.',
    since: '2.7',
    unit: 'none',
  },
  'max-bandwidth': { description: 'Most that is sent a second; below 10 means no limit.', since: '2.8', unit: 'B/s' },
  'downtime-limit': {
    description: 'The longest downtime that is tolerable; with 0 convergence is not waited for.',
    since: '2.8',
    unit: 'ms',
  },
  'x-checkpoint-delay': { description: 'Time between two periodic COLO checkpoints.', since: '2.8', unit: 'ms' },
  'block-incremental': {
    description: 'In block migration send only the active layer and rely on the backing chain over there.',
    since: '2.10',
    unit: 'none',
  },
  'xbzrle-cache-size': {
    description: 'Size of the XBZRLE cache: a power of two, at least a page.',
    since: '2.11',
    unit: 'B',
  },
} as const satisfies Record<string, MemberDocumentation>

const channels = 'Channels, and threads, that send side by side.'

/** The documentation of every parameter of 2.11, in the schema's order; shared by the enum, both structs and the facts. */
export const parameterDocumentation = {
  'compress-level': common['compress-level'],
  'compress-threads': common['compress-threads'],
  'decompress-threads': common['decompress-threads'],
  'cpu-throttle-initial': common['cpu-throttle-initial'],
  'cpu-throttle-increment': common['cpu-throttle-increment'],
  'tls-creds': common['tls-creds'],
  'tls-hostname': common['tls-hostname'],
  'max-bandwidth': common['max-bandwidth'],
  'downtime-limit': common['downtime-limit'],
  'x-checkpoint-delay': common['x-checkpoint-delay'],
  'block-incremental': common['block-incremental'],
  'x-multifd-channels': { description: channels, since: '2.11', unit: 'count' },
  'x-multifd-page-count': { description: 'Pages handed to a channel at once.', since: '2.11', unit: 'pages' },
  'xbzrle-cache-size': common['xbzrle-cache-size'],
} as const satisfies Record<string, MemberDocumentation>

/** The documentation of every parameter of 7.2, in the order of its struct. */
export const parameterDocumentation72 = {
  'announce-initial': { description: 'Delay of the first announcement of the new place.', since: '4.0', unit: 'ms' },
  'announce-max': { description: 'Longest delay between two announcements.', since: '4.0', unit: 'ms' },
  'announce-rounds': { description: 'Announcements to make.', since: '4.0', unit: 'count' },
  'announce-step': { description: 'How much longer each delay is.', since: '4.0', unit: 'ms' },
  'compress-level': common['compress-level'],
  'compress-threads': common['compress-threads'],
  'compress-wait-thread': {
    description: 'Wait for a free thread instead of sending the page whole.',
    since: '3.1',
    unit: 'none',
  },
  'decompress-threads': common['decompress-threads'],
  'throttle-trigger-threshold': {
    description: 'Dirtied bytes against sent bytes above which auto-converge throttles.',
    since: '5.0',
    unit: '%',
  },
  'cpu-throttle-initial': common['cpu-throttle-initial'],
  'cpu-throttle-increment': common['cpu-throttle-increment'],
  'cpu-throttle-tailslow': { description: 'Throttle in smaller steps near the end.', since: '5.1', unit: 'none' },
  'tls-creds': common['tls-creds'],
  'tls-hostname': common['tls-hostname'],
  'tls-authz': { description: 'Id of the object that authorizes clients by name.', since: '4.0', unit: 'none' },
  'max-bandwidth': common['max-bandwidth'],
  'downtime-limit': common['downtime-limit'],
  'x-checkpoint-delay': common['x-checkpoint-delay'],
  'block-incremental': common['block-incremental'],
  'multifd-channels': { description: channels, since: '4.0', unit: 'count' },
  'xbzrle-cache-size': common['xbzrle-cache-size'],
  'max-postcopy-bandwidth': {
    description: 'Most that is sent unasked a second in postcopy; 0 means no limit.',
    since: '3.0',
    unit: 'B/s',
  },
  'max-cpu-throttle': { description: 'Most that auto-converge throttles.', since: '3.1', unit: '%' },
  'multifd-compression': { description: 'How multifd channels compress.', since: '5.0', unit: 'none' },
  'multifd-zlib-level': { description: 'Effort of zlib in multifd.', since: '5.0', unit: 'level' },
  'multifd-zstd-level': { description: 'Effort of zstd in multifd.', since: '5.0', unit: 'level' },
  'block-bitmap-mapping': {
    description: 'Which block nodes and dirty bitmaps go under which alias; unset for all as they are.',
    since: '5.2',
    unit: 'none',
  },
} as const satisfies Record<string, MemberDocumentation>

/** The names of the fourteen parameters of 2.11, in the schema's order. Source: `MigrationParameter`, since 2.4. */
export const MigrationParameter = enumeration({
  name: 'MigrationParameter',
  since: '2.4',
  description: 'The name of a migration parameter.',
  literals: [
    'compress-level',
    'compress-threads',
    'decompress-threads',
    'cpu-throttle-initial',
    'cpu-throttle-increment',
    'tls-creds',
    'tls-hostname',
    'max-bandwidth',
    'downtime-limit',
    'x-checkpoint-delay',
    'block-incremental',
    'x-multifd-channels',
    'x-multifd-page-count',
    'xbzrle-cache-size',
  ],
  members: parameterDocumentation,
})
/** A member of {@link MigrationParameter}. */
export type MigrationParameter = (typeof MigrationParameter)['Type']

/** The names of the 27 parameters of 7.2, in the order of its `MigrateSetParameters`. */
export const MigrationParameter72 = enumeration({
  name: 'MigrationParameter',
  since: '2.4',
  description: 'The name of a migration parameter.',
  literals: [
    'announce-initial',
    'announce-max',
    'announce-rounds',
    'announce-step',
    'compress-level',
    'compress-threads',
    'compress-wait-thread',
    'decompress-threads',
    'throttle-trigger-threshold',
    'cpu-throttle-initial',
    'cpu-throttle-increment',
    'cpu-throttle-tailslow',
    'tls-creds',
    'tls-hostname',
    'tls-authz',
    'max-bandwidth',
    'downtime-limit',
    'x-checkpoint-delay',
    'block-incremental',
    'multifd-channels',
    'xbzrle-cache-size',
    'max-postcopy-bandwidth',
    'max-cpu-throttle',
    'multifd-compression',
    'multifd-zlib-level',
    'multifd-zstd-level',
    'block-bitmap-mapping',
  ],
  members: parameterDocumentation72,
})
/** A member of {@link MigrationParameter72}. */
export type MigrationParameter72 = (typeof MigrationParameter72)['Type']

/** Every parameter that some profile has. */
export type AnyMigrationParameter = MigrationParameter | MigrationParameter72

const numbers = {
  'compress-level': optional(Int, parameterDocumentation['compress-level']),
  'compress-threads': optional(Int, parameterDocumentation['compress-threads']),
  'decompress-threads': optional(Int, parameterDocumentation['decompress-threads']),
  'cpu-throttle-initial': optional(Int, parameterDocumentation['cpu-throttle-initial']),
  'cpu-throttle-increment': optional(Int, parameterDocumentation['cpu-throttle-increment']),
}
const limits = {
  'max-bandwidth': optional(Int, parameterDocumentation['max-bandwidth']),
  'downtime-limit': optional(Int, parameterDocumentation['downtime-limit']),
  'x-checkpoint-delay': optional(Int, parameterDocumentation['x-checkpoint-delay']),
  'block-incremental': optional(Bool, parameterDocumentation['block-incremental']),
  'x-multifd-channels': optional(Int, parameterDocumentation['x-multifd-channels']),
  'x-multifd-page-count': optional(Int, parameterDocumentation['x-multifd-page-count']),
  'xbzrle-cache-size': optional(Size, parameterDocumentation['xbzrle-cache-size']),
}

/**
 * The arguments of `migrate-set-parameters`: what is given is set, the rest stays. Decoding checks types, not ranges: those
 * are checked against all current values together, see `checkParameters`. `null` for a `tls-*` member means `""`.
 * Source: `MigrateSetParameters` of `qapi/migration.json`, since 2.4.
 *
 * @example
 * ```ts
 * Schema.decodeUnknownSync(MigrateSetParameters)({ 'max-bandwidth': 9223372036854775807n }) // exact
 * ```
 */
export const MigrateSetParameters = Schema.Struct({
  ...numbers,
  'tls-creds': optional(StrOrNull, parameterDocumentation['tls-creds']),
  'tls-hostname': optional(StrOrNull, parameterDocumentation['tls-hostname']),
  ...limits,
}).annotate({ identifier: 'MigrateSetParameters', description: 'Parameters to set.', since: '2.4' })
/** See {@link MigrateSetParameters}. */
export type MigrateSetParameters = (typeof MigrateSetParameters)['Type']

/**
 * What `query-migrate-parameters` answers. QEMU always gives every member; `tls-*` are `""` when unset.
 * Source: `MigrationParameters` of `qapi/migration.json`, since 2.4.
 */
export const MigrationParameters = Schema.Struct({
  ...numbers,
  'tls-creds': optional(Str, parameterDocumentation['tls-creds']),
  'tls-hostname': optional(Str, parameterDocumentation['tls-hostname']),
  ...limits,
}).annotate({ identifier: 'MigrationParameters', description: 'The parameters in effect.', since: '2.4' })
/** See {@link MigrationParameters}. */
export type MigrationParameters = (typeof MigrationParameters)['Type']

/** How multifd channels compress. 7.2 only. */
export const MultiFDCompression72 = enumeration({
  name: 'MultiFDCompression',
  since: '5.0',
  description: 'How multifd channels compress.',
  literals: ['none', 'zlib', 'zstd'],
  members: {
    none: { description: 'Not at all.', since: '5.0' },
    zlib: { description: 'With zlib.', since: '5.0' },
    zstd: { description: 'With zstd.', since: '5.0' },
  },
})
/** A member of {@link MultiFDCompression72}. */
export type MultiFDCompression72 = (typeof MultiFDCompression72)['Type']

/** A dirty bitmap and the alias it has in the stream. 7.2 only. */
export const BitmapMigrationBitmapAlias72 = Schema.Struct({
  name: required(Str, { description: 'Name of the bitmap.', since: '5.2', unit: 'none' }),
  alias: required(Str, { description: 'Its name in the stream.', since: '5.2', unit: 'none' }),
  transform: optional(
    Schema.Struct({
      persistent: optional(Bool, { description: 'Whether it outlives the process there.', since: '6.0', unit: 'none' }),
    }).annotate({
      identifier: 'BitmapMigrationBitmapAliasTransform',
      description: 'What to change about a bitmap.',
      since: '6.0',
    }),
    { description: 'What to change about it on the way.', since: '6.0', unit: 'none' },
  ),
}).annotate({ identifier: 'BitmapMigrationBitmapAlias', description: 'A dirty bitmap and its alias.', since: '5.2' })
/** See {@link BitmapMigrationBitmapAlias72}. */
export type BitmapMigrationBitmapAlias72 = (typeof BitmapMigrationBitmapAlias72)['Type']

/** A block node, its alias in the stream, and its dirty bitmaps. 7.2 only. */
export const BitmapMigrationNodeAlias72 = Schema.Struct({
  'node-name': required(Str, { description: 'Name of the block node.', since: '5.2', unit: 'none' }),
  alias: required(Str, { description: 'Its name in the stream.', since: '5.2', unit: 'none' }),
  bitmaps: required(Schema.Array(BitmapMigrationBitmapAlias72), {
    description: 'Its bitmaps.',
    since: '5.2',
    unit: 'none',
  }),
}).annotate({ identifier: 'BitmapMigrationNodeAlias', description: 'A block node and its bitmaps.', since: '5.2' })
/** See {@link BitmapMigrationNodeAlias72}. */
export type BitmapMigrationNodeAlias72 = (typeof BitmapMigrationNodeAlias72)['Type']

const d72 = parameterDocumentation72
const before72 = {
  'announce-initial': optional(Size, d72['announce-initial']),
  'announce-max': optional(Size, d72['announce-max']),
  'announce-rounds': optional(Size, d72['announce-rounds']),
  'announce-step': optional(Size, d72['announce-step']),
  'compress-level': optional(Uint8, d72['compress-level']),
  'compress-threads': optional(Uint8, d72['compress-threads']),
  'compress-wait-thread': optional(Bool, d72['compress-wait-thread']),
  'decompress-threads': optional(Uint8, d72['decompress-threads']),
  'throttle-trigger-threshold': optional(Uint8, d72['throttle-trigger-threshold']),
  'cpu-throttle-initial': optional(Uint8, d72['cpu-throttle-initial']),
  'cpu-throttle-increment': optional(Uint8, d72['cpu-throttle-increment']),
  'cpu-throttle-tailslow': optional(Bool, d72['cpu-throttle-tailslow']),
}
const after72 = {
  'max-bandwidth': optional(Size, d72['max-bandwidth']),
  'downtime-limit': optional(Uint64, d72['downtime-limit']),
  'x-checkpoint-delay': optional(Uint32, d72['x-checkpoint-delay']),
  'block-incremental': optional(Bool, d72['block-incremental']),
  'multifd-channels': optional(Uint8, d72['multifd-channels']),
  'xbzrle-cache-size': optional(Size, d72['xbzrle-cache-size']),
  'max-postcopy-bandwidth': optional(Size, d72['max-postcopy-bandwidth']),
  'max-cpu-throttle': optional(Uint8, d72['max-cpu-throttle']),
  'multifd-compression': optional(MultiFDCompression72, d72['multifd-compression']),
  'multifd-zlib-level': optional(Uint8, d72['multifd-zlib-level']),
  'multifd-zstd-level': optional(Uint8, d72['multifd-zstd-level']),
  'block-bitmap-mapping': optional(Schema.Array(BitmapMigrationNodeAlias72), d72['block-bitmap-mapping']),
}

/** The arguments of `migrate-set-parameters` in 7.2. Integers have sizes there: out of `uint8` is a type error. */
export const MigrateSetParameters72 = Schema.Struct({
  ...before72,
  'tls-creds': optional(StrOrNull, d72['tls-creds']),
  'tls-hostname': optional(StrOrNull, d72['tls-hostname']),
  'tls-authz': optional(StrOrNull, d72['tls-authz']),
  ...after72,
}).annotate({ identifier: 'MigrateSetParameters', description: 'Parameters to set.', since: '2.4' })
/** See {@link MigrateSetParameters72}. */
export type MigrateSetParameters72 = (typeof MigrateSetParameters72)['Type']

/** What `query-migrate-parameters` answers in 7.2; `block-bitmap-mapping` only where it was set. */
export const MigrationParameters72 = Schema.Struct({
  ...before72,
  'tls-creds': optional(Str, d72['tls-creds']),
  'tls-hostname': optional(Str, d72['tls-hostname']),
  'tls-authz': optional(Str, d72['tls-authz']),
  ...after72,
}).annotate({ identifier: 'MigrationParameters', description: 'The parameters in effect.', since: '2.4' })
/** See {@link MigrationParameters72}. */
export type MigrationParameters72 = (typeof MigrationParameters72)['Type']

/**
 * The parameters as they may come from any peer: integers without ranges, an unknown way to compress carried along,
 * members we do not know kept.
 */
export const PeerMigrationParameters = Schema.StructWithRest(
  Schema.Struct({
    ...MigrationParameters72.fields,
    ...MigrationParameters.fields,
    'multifd-channels': optional(Int, d72['multifd-channels']),
    'max-bandwidth': optional(Size, d72['max-bandwidth']),
    'downtime-limit': optional(Uint64, d72['downtime-limit']),
    'multifd-compression': optional(
      openEnum(MultiFDCompression72) satisfies Schema.Codec<MultiFDCompression72 | UnknownMember, string>,
      d72['multifd-compression'],
    ),
  }),
  [Schema.Record(Schema.String, Schema.Unknown)],
).annotate({ identifier: 'PeerMigrationParameters', description: 'The parameters of a peer.', since: '2.4' })
/** See {@link PeerMigrationParameters}. */
export type PeerMigrationParameters = (typeof PeerMigrationParameters)['Type']
