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
  readonly after: Reaction
}

/** All of them. */
export const justified: readonly JustifiedDifference[] = [
  {
    id: 'capability-not-carried-out',
    kind: 'answer',
    commands: ['migrate-set-capabilities'],
    qemu: /^\{\}$/,
    double: /^GenericError: Capability '[\w-]+' is not supported by this runtime/,
    what: 'The double refuses to switch on a capability that QEMU has.',
    why: 'The core refuses what its runtime does not carry out, so that nothing is accepted and then ignored.',
    after: 'parts',
  },
  {
    id: 'device-before-cancelling',
    kind: 'events',
    commands: ['migrate_cancel'],
    qemu: /^MIGRATION device, MIGRATION cancelling(, RESUME)?, MIGRATION cancelled$/,
    double: /^MIGRATION cancelling(, RESUME)?, MIGRATION cancelled$/,
    what: 'A cancel in pre-switchover sometimes wakes QEMU’s migration thread, which says device, before it is cancelled.',
    why: 'A race inside QEMU, which the charts know; the double always takes the shorter way.',
    after: 'goes-on',
  },
  {
    id: 'colo-starts-a-stopped-guest',
    kind: 'charts',
    qemu: /RESUME; the guest was started on the destination, although it was stopped on the source$/,
    what: 'QEMU starts the secondary’s guest although the user had stopped it on the primary.',
    why: 'A defect of QEMU 7.2 that this comparison found, the sibling in COLO of h21; the charts have no quirk for it.',
    after: 'goes-on',
  },
  {
    id: 'colo-says-why',
    kind: 'members',
    qemu: /^$/,
    double: /^colo: error-desc$/,
    what: 'The double tells in query-migrate why its pair came apart.',
    why: 'QEMU tells it in COLO_EXIT alone, and nobody who was not connected then will ever know.',
    after: 'goes-on',
  },
  {
    id: 'colo-exit-when-a-checkpoint-is-due',
    kind: 'events',
    qemu: /^COLO_EXIT primary error$/,
    double: /^$/,
    what: 'QEMU says COLO_EXIT of a pair that a cancel has cut off when the next checkpoint is due, 20 s later.',
    why: 'The double’s pair ends with the cancel (q8), and no checkpoint of it is due any more.',
    after: 'goes-on',
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
