/**
 * MigrationCapability: the switches that change how a migration is done. One set a process, used for both of its roles;
 * all are off at first. Which ones exclude each other and when they may be changed is decided in the core.
 */
import { Schema } from 'effect'
import { enumeration, required } from './documentation.ts'
import { openEnum, type UnknownMember } from './open-enum.ts'
import { defaultProfile, type Profile } from './profile.ts'
import { Bool } from './scalar.ts'

const members = {
  xbzrle: { description: 'Send a page that changed since it was last sent as a compressed difference.', since: '1.2' },
  'rdma-pin-all': {
    description: 'With RDMA, pin the whole guest memory at once instead of piece by piece on demand.',
    since: '2.0',
  },
  'auto-converge': {
    description: 'Throttle the guest when it dirties memory faster than it can be sent.',
    since: '1.6',
  },
  'zero-blocks': {
    description:
      'In block migration send a 1 MiB block of zeroes as a flag. Both sides must know it; set on the source.',
    since: '1.6',
  },
  compress: {
    description: 'Compress pages in several threads; together with xbzrle only in the first pass over memory.',
    since: '2.4',
  },
  events: { description: 'Emit an event at every change of the status and at every pass.', since: '2.4' },
  'postcopy-ram': {
    description:
      'Allow switching to postcopy: the guest starts on the destination and fetches missing pages from the source.',
    since: '2.6',
  },
  'x-colo': {
    description: 'Do not end the migration but keep a secondary in lock step with the primary by checkpoints.',
    since: '2.8',
  },
  'release-ram': { description: 'During postcopy free source memory that was sent.', since: '2.9' },
  block: { description: 'Migrate the contents of all block devices too.', since: '2.10' },
  'return-path': { description: 'Open the channel from destination to source in precopy too.', since: '2.10' },
  'pause-before-switchover': {
    description: 'Stop in pre-switchover before device state is saved and block I/O is disabled.',
    since: '2.11',
  },
} as const

const multifd = (since: string) => ({ description: 'Use several channels at once.', since })

/**
 * The thirteen capabilities of 2.11, in the schema's order. Source: `MigrationCapability` of `qapi/migration.json`, since 1.2.
 */
export const MigrationCapability = enumeration({
  name: 'MigrationCapability',
  since: '1.2',
  description: 'A switch that changes how a migration is done.',
  literals: [
    'xbzrle',
    'rdma-pin-all',
    'auto-converge',
    'zero-blocks',
    'compress',
    'events',
    'postcopy-ram',
    'x-colo',
    'release-ram',
    'block',
    'return-path',
    'pause-before-switchover',
    'x-multifd',
  ],
  members: { ...members, 'x-multifd': multifd('2.11') },
})
/** A member of {@link MigrationCapability}. */
export type MigrationCapability = (typeof MigrationCapability)['Type']

/** The 21 capabilities of 7.2 in its order; `x-multifd` has become `multifd`. */
export const MigrationCapability72 = enumeration({
  name: 'MigrationCapability',
  since: '1.2',
  description: 'A switch that changes how a migration is done.',
  literals: [
    'xbzrle',
    'rdma-pin-all',
    'auto-converge',
    'zero-blocks',
    'compress',
    'events',
    'postcopy-ram',
    'x-colo',
    'release-ram',
    'block',
    'return-path',
    'pause-before-switchover',
    'multifd',
    'dirty-bitmaps',
    'postcopy-blocktime',
    'late-block-activate',
    'x-ignore-shared',
    'validate-uuid',
    'background-snapshot',
    'zero-copy-send',
    'postcopy-preempt',
  ],
  members: {
    ...members,
    multifd: multifd('4.0'),
    'dirty-bitmaps': { description: 'Migrate the named dirty bitmaps of block devices.', since: '2.12' },
    'postcopy-blocktime': { description: 'Measure how long the guest was blocked on missing pages.', since: '3.0' },
    'late-block-activate': {
      description: 'Leave block devices inactive on a destination that is not started by itself.',
      since: '3.0',
    },
    'x-ignore-shared': { description: 'Do not migrate memory that both sides share.', since: '4.0' },
    'validate-uuid': { description: 'Refuse a stream whose guest has another UUID.', since: '4.2' },
    'background-snapshot': { description: 'Save memory as of the start while the guest runs on.', since: '6.0' },
    'zero-copy-send': { description: 'Let the kernel send from guest memory without copying.', since: '7.1' },
    'postcopy-preempt': { description: 'Send requested pages on a channel of their own.', since: '7.1' },
  },
})
/** A member of {@link MigrationCapability72}. */
export type MigrationCapability72 = (typeof MigrationCapability72)['Type']

/** Every capability that some profile has. */
export type AnyMigrationCapability = MigrationCapability | MigrationCapability72

/** The capabilities of a peer of the profile, in enum order: 13 of `2.11`, 21 of `7.2`. All are off at first. */
export const capabilities = (profile: Profile = defaultProfile): ReadonlyArray<AnyMigrationCapability> =>
  profile === '7.2' ? MigrationCapability72.literals : MigrationCapability.literals

/** A capability read from a peer: known, or carried along as {@link UnknownMember}. */
export type OpenMigrationCapability = AnyMigrationCapability | UnknownMember

const openMigrationCapability211: Schema.Codec<OpenMigrationCapability, string> = openEnum(MigrationCapability)
const openMigrationCapability72: Schema.Codec<OpenMigrationCapability, string> = openEnum(MigrationCapability72)

/** The schema to read a capability with that came from a peer of the profile. Never fails on a string. */
export const openMigrationCapability = (profile: Profile): Schema.Codec<OpenMigrationCapability, string> =>
  profile === '7.2' ? openMigrationCapability72 : openMigrationCapability211

const state = required(Bool, { description: 'Whether it is on.', since: '1.2', unit: 'none' })
const capability = { description: 'Which capability.', since: '1.2', unit: 'none' } as const

/** One capability and whether it is on. Source: `MigrationCapabilityStatus`, since 1.2. */
export const MigrationCapabilityStatus = Schema.Struct({
  capability: required(MigrationCapability, capability),
  state,
}).annotate({
  identifier: 'MigrationCapabilityStatus',
  description: 'One capability and whether it is on.',
  since: '1.2',
})
/** See {@link MigrationCapabilityStatus}. */
export type MigrationCapabilityStatus = (typeof MigrationCapabilityStatus)['Type']

/** {@link MigrationCapabilityStatus} with the capabilities of 7.2. */
export const MigrationCapabilityStatus72 = Schema.Struct({
  capability: required(MigrationCapability72, capability),
  state,
}).annotate({
  identifier: 'MigrationCapabilityStatus',
  description: 'One capability and whether it is on.',
  since: '1.2',
})
/** See {@link MigrationCapabilityStatus72}. */
export type MigrationCapabilityStatus72 = (typeof MigrationCapabilityStatus72)['Type']

/** As {@link MigrationCapabilityStatus}, read from any peer: an unknown capability is carried along. */
export const PeerCapabilityStatus = Schema.Struct({
  capability: required(openMigrationCapability72, capability),
  state,
}).annotate({
  identifier: 'PeerCapabilityStatus',
  description: 'One capability of a peer and whether it is on.',
  since: '1.2',
})
/** See {@link PeerCapabilityStatus}. */
export type PeerCapabilityStatus = (typeof PeerCapabilityStatus)['Type']
