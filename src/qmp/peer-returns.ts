/** What commands return, as a client may get it from any peer: statuses and members that we do not know are kept. */
import { Schema } from 'effect'
import {
  PeerCapabilityStatus,
  PeerMigrationInfo,
  PeerMigrationParameters,
  StatusInfo,
  openEnum,
  RunState,
  type CommandArguments,
  type CommandName,
} from '../qapi/index.ts'
import { NamedInfo, NameInfo, VersionInfo } from './introspection.ts'
import type { JsonObject } from './message.ts'

/** `query-status` of any peer. */
export const PeerStatusInfo = Schema.StructWithRest(
  Schema.Struct({
    running: StatusInfo.fields.running,
    singlestep: Schema.optionalKey(Schema.Boolean),
    status: openEnum(RunState),
  }),
  [Schema.Record(Schema.String, Schema.Unknown)],
)

/** The commands whose answer is checked and typed, with the schema of the answer. */
export const peerReturns = {
  'query-migrate': PeerMigrationInfo,
  'query-migrate-capabilities': Schema.Array(PeerCapabilityStatus),
  'query-migrate-parameters': PeerMigrationParameters,
  'query-status': PeerStatusInfo,
  'query-version': VersionInfo,
  'query-name': NameInfo,
  'query-commands': Schema.Array(NamedInfo),
  'query-events': Schema.Array(NamedInfo),
} as const

/** A command of {@link peerReturns}. */
export type TypedReturn = keyof typeof peerReturns

/** Whether the answer of a command is checked. */
export const hasTypedReturn = (name: string): name is TypedReturn => Object.hasOwn(peerReturns, name)

/** What a command returns; `unknown` where the schema says nothing, or nothing that is worth a check. */
export type PeerReturn<N extends string> = N extends TypedReturn ? (typeof peerReturns)[N]['Type'] : unknown

/** What a command takes: what the schema says, and whatever a newer peer may take. */
export type PeerArguments<N extends string> =
  | JsonObject
  | (N extends CommandName<'2.11'> ? CommandArguments<N> : never)
  | (N extends CommandName<'7.2'> ? CommandArguments<N, '7.2'> : never)
