/**
 * The differences between the double and a live QEMU 7.2 that are meant to be, as data. The list is meant to stay short;
 * whatever is not on it fails the comparison, and every use is counted.
 */
import { quirks as quirkTable, type QuirkId } from '../../machines/index.ts'
import type { Difference, Reaction } from './compare.ts'

/** A difference that is meant to be. Patterns that are not given fit everything. */
export interface JustifiedDifference {
  readonly id: string
  readonly kind: Difference['kind']
  /** The commands it is about. */
  readonly commands?: readonly string[]
  readonly qemu?: RegExp
  readonly double?: RegExp
  readonly what: string
  readonly why: string
  /** Whether both can be compared after it. */
  readonly then: Reaction
}

/** All of them. */
export const justified: readonly JustifiedDifference[] = [
  {
    id: 'capability-not-carried-out',
    kind: 'answer',
    commands: ['migrate-set-capabilities'],
    double: /^GenericError: Capability '[\w-]+' is not supported by this runtime/,
    what: 'The double refuses to switch on a capability that QEMU has.',
    why: 'The core refuses what its runtime does not carry out, so that nothing is accepted and then ignored.',
    then: 'parts',
  },
  {
    id: 'no-xen',
    kind: 'answer',
    commands: ['query-xen-replication-status', 'xen-colo-do-checkpoint', 'xen-set-replication'],
    double: /is not supported by this runtime$/,
    what: 'QEMU answers the commands of Xen’s COLO also where there is neither Xen nor replication.',
    why: 'This runtime has no devices to replicate, and says so.',
    then: 'goes-on',
  },
  {
    id: 'setup-of-a-refused-incoming',
    kind: 'events',
    commands: ['migrate-incoming'],
    qemu: /^MIGRATION setup$/,
    double: /^$/,
    what: 'QEMU emits setup for a migrate-incoming that it then refuses because of its URI.',
    why: 'A refused command changes nothing here (I8), and an event would say it did.',
    then: 'goes-on',
  },
  {
    id: 'figures-since-2.11',
    kind: 'members',
    qemu: /^(ram\.(dirty-sync-missed-zero-copy|downtime-bytes|multifd-bytes|pages-per-second|postcopy-bytes|precopy-bytes) ?)+$/,
    double: /^$/,
    what: 'The double’s ram figures are those of the 2.11 schema.',
    why: 'The figures that later versions added count features that this runtime does not have; all are optional.',
    then: 'goes-on',
  },
  {
    id: 'socket-address',
    kind: 'members',
    qemu: /^socket-address$/,
    double: /^$/,
    what: 'QEMU’s destination tells where it listens.',
    why: 'The member is later than the 2.11 schema, and optional.',
    then: 'goes-on',
  },
]

/** The entry that a difference falls under. */
export const justificationOf = (difference: Difference): JustifiedDifference | undefined =>
  justified.find(
    (one) =>
      one.kind === difference.kind &&
      (one.commands === undefined || one.commands.includes(difference.command ?? '')) &&
      (one.qemu === undefined || one.qemu.test(difference.qemu)) &&
      (one.double === undefined || one.double.test(difference.double)),
  )

/** The quirks that make the double a QEMU 7.2: those that 7.2 was seen to have. */
export const qemu72Quirks: readonly QuirkId[] = quirkTable
  .filter(({ profiles }) => (profiles as readonly string[]).includes('7.2'))
  .map(({ id }) => id)

/** The set with some quirks flipped: those of 7.2 are taken away, others added. */
export const withFlipped = (flipped: readonly QuirkId[]): readonly QuirkId[] => [
  ...qemu72Quirks.filter((id) => !flipped.includes(id)),
  ...flipped.filter((id) => !qemu72Quirks.includes(id)),
]
