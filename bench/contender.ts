/**
 * What a benchmark compares: a contender moves a guest's RAM once per run and says what that took. Contenders know
 * nothing of each other, of how often they run, or of how figures are printed.
 */

export interface RunOptions {
  /** Guest RAM, in bytes; a multiple of 1 MiB. */
  readonly sizeBytes: number
  /** Picks the contents of the RAM; the same seed gives the same bytes where the contender lets us choose them. */
  readonly seed: number
  /** Aborted when the run has lasted too long or the user interrupts: everything the run started has to go. */
  readonly signal: AbortSignal
}

/** One finished run. */
export interface Figure {
  /** From the start of the migration to its completion, as QEMU's `total-time`. */
  readonly totalMillis: number
  /** The time the guest could not run, as QEMU's `downtime`; absent where nothing has a guest. */
  readonly downtimeMillis?: number
  /** User and system time of source and destination together, within the timed part. */
  readonly cpuSeconds: number
  /** Bytes put on the wire. */
  readonly bytes: number
  /** Whether the destination's RAM equals the source's; absent where the bytes are thrown away on arrival. */
  readonly verified?: boolean
  /** All that the contender tells of the run, for a benchmark that prints more of it. */
  readonly document?: unknown
  /** Where a run measures the same thing again and again: each time it took. */
  readonly samplesMillis?: readonly number[]
  /** Most that a side held beyond what it held before and the guest's RAM. */
  readonly beyondBytes?: { readonly source: number; readonly destination: number }
}

export interface Contender {
  readonly name: string
  /** Why this contender cannot run here, or undefined if it can. */
  available(options: Pick<RunOptions, 'sizeBytes'>): Promise<string | undefined>
  /** Which program it is, for the record; asked only of a contender that is available. */
  version?(): Promise<string>
  /** One run. Rejects if the transfer fails; leaves neither processes nor files behind, however it ends. */
  run(options: RunOptions): Promise<Figure>
}

/** Decimal gigabytes of guest RAM per second, the unit of every rate printed here. */
export const gigabytesPerSecond = (sizeBytes: number, totalMillis: number): number =>
  sizeBytes / 1e9 / (totalMillis / 1e3)
