/**
 * Which capabilities go together: one table of data, which the core enforces, the documentation prints and the tests go
 * through pair by pair. What no line excludes goes together.
 *
 * Sources: `migrate_caps_check` of migration/migration.c in 2.11 and 7.2 (reference of the semantics, 4.2), every pair asked of
 * a live QEMU 7.2; and for what a pair comes to, the schema's text and 3.1, 6.5, 6.6 of the reference.
 */
import type { Profile } from '../../machines/index.ts'
import type { Parameters } from './parameters.ts'
import * as wording from './wording.ts'

/** Capabilities by name; one that is absent is off. */
export type Switches = Readonly<Record<string, boolean>>

/** Capabilities that cannot be on together, or not without others. */
export interface Exclusion {
  readonly profiles: readonly Profile[]
  /** All of these are on, ... */
  readonly on: readonly string[]
  /** ... and one of these is not. */
  readonly needs?: readonly string[]
  /** Values that parameters must have. */
  readonly parameters?: Readonly<Record<string, string>>
  /** QEMU's words. */
  readonly refusal: string
}

/** What two capabilities come to that are accepted together, where that is not simply both. */
export interface Effect {
  readonly profiles: readonly Profile[]
  readonly on: readonly [string, string]
  readonly what: string
}

const both = ['2.11', '7.2'] as const
const old = ['2.11'] as const
const recent = ['7.2'] as const

/** What a background snapshot excludes, in the order in which 7.2 looks. */
const notWithSnapshot = [
  'postcopy-ram',
  'dirty-bitmaps',
  'postcopy-blocktime',
  'late-block-activate',
  'return-path',
  'multifd',
  'pause-before-switchover',
  'auto-converge',
  'release-ram',
  'rdma-pin-all',
  'compress',
  'xbzrle',
  'x-colo',
  'validate-uuid',
  'zero-copy-send',
]

const zeroCopy = {
  profiles: recent,
  refusal: wording.zeroCopyNeedsMultifd,
} as const

/** In the order in which QEMU looks: the first that applies is what is said. */
export const exclusions: readonly Exclusion[] = [
  { profiles: old, on: ['postcopy-ram', 'compress'], refusal: wording.postcopyWithCompress },
  { profiles: recent, on: ['postcopy-ram', 'x-ignore-shared'], refusal: wording.postcopyWithSharedMemory },
  ...notWithSnapshot.map((other) => ({
    profiles: recent,
    on: ['background-snapshot', other],
    refusal: wording.snapshotWith(other),
  })),
  { ...zeroCopy, on: ['zero-copy-send'], needs: ['multifd'] },
  { ...zeroCopy, on: ['zero-copy-send', 'compress'] },
  { ...zeroCopy, on: ['zero-copy-send', 'xbzrle'] },
  { ...zeroCopy, on: ['zero-copy-send'], parameters: { 'multifd-compression': 'none', 'tls-creds': '' } },
  { profiles: recent, on: ['postcopy-preempt'], needs: ['postcopy-ram'], refusal: wording.preemptNeedsPostcopy },
  { profiles: recent, on: ['postcopy-preempt', 'compress'], refusal: wording.preemptWithCompress },
  { profiles: recent, on: ['multifd', 'compress'], refusal: wording.multifdWithCompress },
]

/** See {@link Effect}. */
export const effects: readonly Effect[] = [
  { profiles: both, on: ['xbzrle', 'compress'], what: 'compress in the first pass over memory, xbzrle after it' },
  { profiles: both, on: ['xbzrle', 'postcopy-ram'], what: 'no deltas once postcopy has begun' },
  { profiles: both, on: ['xbzrle', 'x-colo'], what: 'deltas between checkpoints' },
  { profiles: recent, on: ['compress', 'postcopy-ram'], what: 'no compression once postcopy has begun' },
  { profiles: both, on: ['auto-converge', 'postcopy-ram'], what: 'throttled until postcopy has begun' },
  { profiles: both, on: ['auto-converge', 'block'], what: 'not judged while disks are copied in bulk' },
  { profiles: both, on: ['block', 'postcopy-ram'], what: 'postcopy begins when the disks are nearly copied' },
  { profiles: both, on: ['block', 'x-colo'], what: 'disks are copied once, and not at checkpoints' },
  { profiles: both, on: ['return-path', 'postcopy-ram'], what: 'postcopy has a way back anyway' },
  { profiles: both, on: ['return-path', 'x-colo'], what: 'the way back carries the messages of checkpoints' },
  { profiles: both, on: ['pause-before-switchover', 'postcopy-ram'], what: 'pauses before postcopy begins' },
  { profiles: both, on: ['pause-before-switchover', 'x-colo'], what: 'pauses before lock-step is entered' },
  { profiles: both, on: ['postcopy-ram', 'x-colo'], what: 'postcopy, once it is started, ends as postcopy' },
  { profiles: old, on: ['x-multifd', 'compress'], what: 'x-multifd of 2.11 moves no page' },
]

/** Capabilities that change nothing unless another is on. */
export const dependents: Readonly<Record<string, string>> = {
  'zero-blocks': 'block',
  'release-ram': 'postcopy-ram',
  'postcopy-blocktime': 'postcopy-ram',
}

const applies = (rule: Exclusion, profile: Profile, on: Switches, parameters: Parameters): boolean => {
  if (!rule.profiles.includes(profile) || !rule.on.every((capability) => on[capability] === true)) return false
  if (rule.needs !== undefined) return rule.needs.some((capability) => on[capability] !== true)
  if (rule.parameters === undefined) return true
  return Object.entries(rule.parameters).some(([name, value]) => parameters[name] !== value)
}

/**
 * Why these capabilities cannot be on together, in QEMU's words; undefined where they can.
 *
 * @example
 * exclusionOf('2.11', { 'postcopy-ram': true, compress: true }, {}) // 'Postcopy is not currently compatible with compression'
 */
export const exclusionOf = (profile: Profile, on: Switches, parameters: Parameters): string | undefined =>
  exclusions.find((rule) => applies(rule, profile, on, parameters))?.refusal
