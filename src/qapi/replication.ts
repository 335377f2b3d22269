/**
 * The result of `query-xen-replication-status`: whether block replication under Xen's COLO still works.
 */
import { Schema } from 'effect'
import { optional, required } from './documentation.ts'
import { Bool, Str } from './scalar.ts'

/**
 * State of block replication. Source: `ReplicationStatus` of `qapi/migration.json`, since 2.9.
 *
 * @example
 * ```ts
 * Schema.decodeUnknownSync(ReplicationStatus)({ error: false }) // { error: false }
 * ```
 */
export const ReplicationStatus = Schema.Struct({
  error: required(Bool, {
    description: 'True after an error, false while replication works.',
    since: '2.9',
    unit: 'none',
  }),
  desc: optional(Str, { description: 'What went wrong, for people; only after an error.', since: '2.9', unit: 'none' }),
}).annotate({ identifier: 'ReplicationStatus', description: 'State of block replication.', since: '2.9' })
/** See {@link ReplicationStatus}. */
export type ReplicationStatus = (typeof ReplicationStatus)['Type']
