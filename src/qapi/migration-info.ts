/**
 * What `query-migrate` answers: the status and, depending on it, counters of RAM, of block devices and of the XBZRLE cache,
 * times, and the error. Three readings: what 2.11 answers ({@link MigrationInfo}), what 7.2 answers
 * ({@link MigrationInfo72}), and what may come from any peer ({@link PeerMigrationInfo}).
 */
import { Schema, Struct } from 'effect'
import { optional, required } from './documentation.ts'
import { MigrationStatus, MigrationStatus72, OpenMigrationStatus } from './migration-status.ts'
import { Int, Num, Str } from './scalar.ts'

/**
 * Counters of one kind of data, RAM or block devices. All members are always there; for block devices 2.11 fills in only
 * `transferred`, `remaining` and `total`, and the others are 0. They belong to the process: 2.11 never resets
 * the RAM counters, 7.2 does with each `migrate`. Source: `MigrationStats` of `qapi/migration.json`, since 0.14.
 */
export const MigrationStats = Schema.Struct({
  transferred: required(Int, { description: 'Bytes sent so far, with page headers.', since: '0.14', unit: 'B' }),
  remaining: required(Int, { description: 'Bytes still to be sent as of now.', since: '0.14', unit: 'B' }),
  total: required(Int, { description: 'Size of all the data that is being migrated.', since: '0.14', unit: 'B' }),
  duplicate: required(Int, { description: 'Pages sent as zero pages.', since: '1.2', unit: 'pages' }),
  skipped: required(Int, { description: 'Zero pages not sent at all; always 0 in 2.11.', since: '1.5', unit: 'pages' }),
  normal: required(Int, { description: 'Pages sent whole.', since: '1.2', unit: 'pages' }),
  'normal-bytes': required(Int, {
    description: 'Bytes of the pages sent whole: normal times page-size.',
    since: '1.2',
    unit: 'B',
  }),
  'dirty-pages-rate': required(Int, {
    description: 'Pages the guest dirties a second, measured at most once a second.',
    since: '1.3',
    unit: 'pages/s',
  }),
  mbps: required(Num, { description: 'Throughput of the outgoing stream.', since: '1.6', unit: 'Mbit/s' }),
  'dirty-sync-count': required(Int, {
    description: 'How often the dirty bitmap was synchronized.',
    since: '2.1',
    unit: 'count',
  }),
  'postcopy-requests': required(Int, {
    description: 'Page requests received from the destination.',
    since: '2.7',
    unit: 'count',
  }),
  'page-size': required(Int, { description: 'Bytes in a page of these counters.', since: '2.10', unit: 'B' }),
}).annotate({ identifier: 'MigrationStats', description: 'Counters of RAM or of block devices.', since: '0.14' })
/** See {@link MigrationStats}. */
export type MigrationStats = (typeof MigrationStats)['Type']

/** {@link MigrationStats} with the six counters that 7.2 adds, always there as well. */
export const MigrationStats72 = Schema.Struct({
  ...MigrationStats.fields,
  'multifd-bytes': required(Int, { description: 'Bytes sent over multifd channels.', since: '3.0', unit: 'B' }),
  'pages-per-second': required(Int, { description: 'Pages sent a second.', since: '4.0', unit: 'pages/s' }),
  'precopy-bytes': required(Int, { description: 'Bytes sent while the guest ran here.', since: '7.0', unit: 'B' }),
  'downtime-bytes': required(Int, { description: 'Bytes sent while the guest was stopped.', since: '7.0', unit: 'B' }),
  'postcopy-bytes': required(Int, { description: 'Bytes sent while the guest ran there.', since: '7.0', unit: 'B' }),
  'dirty-sync-missed-zero-copy': required(Int, {
    description: 'Synchronizations before which zero-copy sends had been copied after all.',
    since: '7.1',
    unit: 'count',
  }),
}).annotate({ identifier: 'MigrationStats', description: 'Counters of RAM or of block devices.', since: '0.14' })
/** See {@link MigrationStats72}. */
export type MigrationStats72 = (typeof MigrationStats72)['Type']

/** Counters of the XBZRLE cache. They are never reset. Source: `XBZRLECacheStats`, since 1.2. */
export const XBZRLECacheStats = Schema.Struct({
  'cache-size': required(Int, { description: 'The size that is set for the cache.', since: '1.2', unit: 'B' }),
  bytes: required(Int, { description: 'Bytes sent as differences.', since: '1.2', unit: 'B' }),
  pages: required(Int, { description: 'Pages sent as differences.', since: '1.2', unit: 'pages' }),
  'cache-miss': required(Int, { description: 'Pages of which no old copy was cached.', since: '1.2', unit: 'pages' }),
  'cache-miss-rate': required(Num, {
    description: 'Misses per page handled in the last period; can exceed 1 with huge pages.',
    since: '2.1',
    unit: 'ratio',
  }),
  overflow: required(Int, { description: 'Pages whose difference was no smaller.', since: '1.2', unit: 'pages' }),
}).annotate({ identifier: 'XBZRLECacheStats', description: 'Counters of the XBZRLE cache.', since: '1.2' })
/** See {@link XBZRLECacheStats}. */
export type XBZRLECacheStats = (typeof XBZRLECacheStats)['Type']

/** {@link XBZRLECacheStats} with what 7.2 adds. */
export const XBZRLECacheStats72 = Schema.Struct({
  ...XBZRLECacheStats.fields,
  'encoding-rate': required(Num, { description: 'How well differences compress.', since: '5.1', unit: 'ratio' }),
}).annotate({ identifier: 'XBZRLECacheStats', description: 'Counters of the XBZRLE cache.', since: '1.2' })
/** See {@link XBZRLECacheStats72}. */
export type XBZRLECacheStats72 = (typeof XBZRLECacheStats72)['Type']

const times = {
  'total-time': optional(Int, {
    description: 'Time since the migration began; once it has ended, the time it took.',
    since: '1.2',
    unit: 'ms',
  }),
  'expected-downtime': optional(Int, {
    description: 'The downtime to expect as of the last pass; while the migration is under way.',
    since: '1.3',
    unit: 'ms',
  }),
  downtime: optional(Int, { description: 'How long the guest was stopped; once completed.', since: '1.3', unit: 'ms' }),
  'setup-time': optional(Int, {
    description: 'Time from the command to the first pass, such as for pinning memory.',
    since: '1.6',
    unit: 'ms',
  }),
  'cpu-throttle-percentage': optional(Int, {
    description: 'How much the guest is being throttled; only while it is.',
    since: '2.7',
    unit: '%',
  }),
  'error-desc': optional(Str, {
    description: 'What went wrong, for people; if failed and an error was recorded.',
    since: '2.7',
    unit: 'none',
  }),
}

const status = { description: 'The status; absent before the first migration.', since: '0.14', unit: 'none' } as const
const ram = { description: 'RAM; from active on, and when completed.', since: '1.2', unit: 'none' } as const
const disk = { description: 'Block devices; while they are being migrated.', since: '0.14', unit: 'none' } as const
const cache = { description: 'The XBZRLE cache; with ram if xbzrle is on.', since: '1.2', unit: 'none' } as const

/**
 * What `query-migrate` answers in 2.11. Which members are there follows from the status (reference of the semantics, 5.1);
 * `{}` before the first migration and on a destination. Source: `MigrationInfo` of `qapi/migration.json`, since 0.14.
 * The schema's own examples leave out members of `ram` that always come: read those with {@link PeerMigrationInfo}.
 *
 * @example
 * ```ts
 * Schema.decodeUnknownSync(MigrationInfo)({ status: 'failed' }) // { status: 'failed' }
 * ```
 */
export const MigrationInfo = Schema.Struct({
  status: optional(MigrationStatus, status),
  ram: optional(MigrationStats, ram),
  disk: optional(MigrationStats, disk),
  'xbzrle-cache': optional(XBZRLECacheStats, cache),
  ...times,
}).annotate({ identifier: 'MigrationInfo', description: 'State and progress of a migration.', since: '0.14' })
/** See {@link MigrationInfo}. */
export type MigrationInfo = (typeof MigrationInfo)['Type']

/** Bytes of device state sent for VFIO devices. 7.2 only. */
export const VfioStats72 = Schema.Struct({
  transferred: required(Int, { description: 'Bytes sent so far.', since: '5.2', unit: 'B' }),
}).annotate({ identifier: 'VfioStats', description: 'Counters of VFIO devices.', since: '5.2' })
/** See {@link VfioStats72}. */
export type VfioStats72 = (typeof VfioStats72)['Type']

/** Counters of the compression threads. 7.2 only. */
export const CompressionStats72 = Schema.Struct({
  pages: required(Int, { description: 'Pages sent compressed.', since: '3.1', unit: 'pages' }),
  busy: required(Int, { description: 'Times no thread was free.', since: '3.1', unit: 'count' }),
  'busy-rate': required(Num, { description: 'Such times per page in the last period.', since: '3.1', unit: 'ratio' }),
  'compressed-size': required(Int, { description: 'Bytes after compression.', since: '3.1', unit: 'B' }),
  'compression-rate': required(Num, { description: 'Size before to size after.', since: '3.1', unit: 'ratio' }),
}).annotate({ identifier: 'CompressionStats', description: 'Counters of the compression threads.', since: '3.1' })
/** See {@link CompressionStats72}. */
export type CompressionStats72 = (typeof CompressionStats72)['Type']

const more72 = {
  vfio: optional(VfioStats72, { description: 'VFIO devices, if any.', since: '5.2', unit: 'none' }),
  'blocked-reasons': optional(Schema.Array(Str), {
    description: 'Why the guest cannot be migrated now.',
    since: '6.0',
    unit: 'none',
  }),
  'postcopy-blocktime': optional(Int, {
    description: 'How long all processors were blocked on missing pages.',
    since: '3.0',
    unit: 'ms',
  }),
  'postcopy-vcpu-blocktime': optional(Schema.Array(Int), {
    description: 'The same for each processor.',
    since: '3.0',
    unit: 'ms',
  }),
  compression: optional(CompressionStats72, { description: 'Compression, if it is on.', since: '3.1', unit: 'none' }),
  'socket-address': optional(Schema.Array(Schema.Record(Schema.String, Schema.Unknown)), {
    description: 'Where a destination listens.',
    since: '4.0',
    unit: 'none',
  }),
}

/** What `query-migrate` answers in 7.2, on either side. */
export const MigrationInfo72 = Schema.Struct({
  status: optional(MigrationStatus72, status),
  ram: optional(MigrationStats72, ram),
  disk: optional(MigrationStats72, disk),
  'xbzrle-cache': optional(XBZRLECacheStats72, cache),
  ...times,
  ...more72,
}).annotate({ identifier: 'MigrationInfo', description: 'State and progress of a migration.', since: '0.14' })
/** See {@link MigrationInfo72}. */
export type MigrationInfo72 = (typeof MigrationInfo72)['Type']

const unknownMembers = [Schema.Record(Schema.String, Schema.Unknown)] as const

/** Counters as they may come from any peer: every member may be absent, and members we do not know are kept. */
export const PeerMigrationStats = Schema.StructWithRest(
  MigrationStats72.mapFields(Struct.map(Schema.optionalKey)),
  unknownMembers,
).annotate({ identifier: 'PeerMigrationStats', description: 'Counters of a peer.', since: '0.14' })
/** See {@link PeerMigrationStats}. */
export type PeerMigrationStats = (typeof PeerMigrationStats)['Type']

/** Counters of the XBZRLE cache as they may come from any peer. */
export const PeerXBZRLECacheStats = Schema.StructWithRest(
  XBZRLECacheStats72.mapFields(Struct.map(Schema.optionalKey)),
  unknownMembers,
).annotate({ identifier: 'PeerXBZRLECacheStats', description: 'XBZRLE counters of a peer.', since: '1.2' })
/** See {@link PeerXBZRLECacheStats}. */
export type PeerXBZRLECacheStats = (typeof PeerXBZRLECacheStats)['Type']

/**
 * The answer of `query-migrate` as it may come from any peer, older or newer: an unknown status is carried along as an
 * `UnknownMember`, counters may be absent (older) and members we do not know are kept (newer). Encoding gives back what came.
 * It fails only where a member that we know has another type.
 *
 * @example
 * ```ts
 * Schema.decodeUnknownSync(PeerMigrationInfo)({ status: 'dozing', ram: { total: 4096 }, brand: 'new' })
 * // { status: { _tag: 'UnknownMember', enum: 'MigrationStatus', value: 'dozing' }, ram: { total: 4096 }, brand: 'new' }
 * ```
 */
export const PeerMigrationInfo = Schema.StructWithRest(
  Schema.Struct({
    status: optional(OpenMigrationStatus, status),
    ram: optional(PeerMigrationStats, ram),
    disk: optional(PeerMigrationStats, disk),
    'xbzrle-cache': optional(PeerXBZRLECacheStats, cache),
    ...times,
    ...more72,
  }),
  unknownMembers,
).annotate({
  identifier: 'PeerMigrationInfo',
  description: 'State and progress of a migration of a peer.',
  since: '0.14',
})
/** See {@link PeerMigrationInfo}. */
export type PeerMigrationInfo = (typeof PeerMigrationInfo)['Type']
