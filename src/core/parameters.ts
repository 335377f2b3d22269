/** The migration parameters a core holds, and what the data plane needs of them. */
import type { Profile, QuirkId } from '../../machines/index.ts'
import { parameterFact, parameterFacts, toUnsigned } from '../qapi/index.ts'
import type { LoadParameters, MultifdMethod, TransferMethods, TransferParameters } from './intent.ts'

/** A parameter's value. Integers beyond 2^53 are bigints; only `block-bitmap-mapping` of 7.2 is a list. */
export type ParameterValue = number | bigint | boolean | string | readonly unknown[]

/** The parameters by wire name. */
export type Parameters = Readonly<Record<string, ParameterValue>>

/** The defaults of a profile. */
export const defaultParameters = (profile: Profile): Parameters =>
  Object.fromEntries(
    parameterFacts(profile).flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value]])),
  )

/** Bytes a second. Quirk h18: QEMU divides by the ten windows of a second, and what comes to 0 is no limit. */
const maxBandwidth = ({ parameters, quirks }: Limited): number => {
  const limit = Number(parameters['max-bandwidth'] ?? 0)
  return limit < 10 && quirks.includes('h18') ? 0 : limit
}

interface Limited {
  readonly parameters: Parameters
  readonly quirks: readonly QuirkId[]
}

const numberOf = (parameters: Parameters, ...names: readonly string[]): number | undefined => {
  const name = names.find((each) => parameters[each] !== undefined)
  return name === undefined ? undefined : Number(parameters[name])
}

/** The pages of one packet, which is what 7.2 gives a channel at a time. */
const PACKET_PAGES = 128

/** What the data plane obeys. Limits beyond 2^53 bytes a second are no limits. */
export const transferParameters = (state: Limited): TransferParameters => {
  const { parameters } = state
  const levelName = `multifd-${multifdCompression(parameters)}-level`
  return {
    maxBandwidth: maxBandwidth(state),
    downtimeLimitMillis: numberOf(parameters, 'downtime-limit') ?? 300,
    xbzrleCacheBytes: numberOf(parameters, 'xbzrle-cache-size') ?? 0,
    compressLevel: numberOf(parameters, 'compress-level') ?? 1,
    compressThreads: numberOf(parameters, 'compress-threads') ?? 1,
    // 2.11 always waits.
    compressWaitThread: parameters['compress-wait-thread'] !== false,
    multifdPageCount: numberOf(parameters, 'x-multifd-page-count') ?? PACKET_PAGES,
    multifdLevel: numberOf(parameters, levelName) ?? 1,
    ...(parameters['max-postcopy-bandwidth'] === undefined
      ? {}
      : { maxPostcopyBandwidth: Number(parameters['max-postcopy-bandwidth']) }),
  }
}

const multifdCompression = (parameters: Parameters): MultifdMethod['compression'] => {
  const method = parameters['multifd-compression']
  return method === 'zlib' || method === 'zstd' ? method : 'none'
}

interface Equipped {
  readonly capabilities: Readonly<Record<string, boolean>>
  readonly parameters: Parameters
  readonly quirks: readonly QuirkId[]
}

/**
 * What is on, as the data plane has to know it. Quirk s10: x-multifd of 2.11 has threads that only wait. In COLO pages go
 * where the messages go.
 */
export const transferMethods = ({ capabilities, parameters, quirks }: Equipped): TransferMethods => {
  const isOn = (name: string): boolean => capabilities[name] === true
  const hasChannels = (isOn('multifd') || (isOn('x-multifd') && !quirks.includes('s10'))) && !isOn('x-colo')
  const channels = numberOf(parameters, 'multifd-channels', 'x-multifd-channels') ?? 1
  return {
    xbzrle: isOn('xbzrle'),
    compress: isOn('compress'),
    ...(hasChannels ? { multifd: { channels, compression: multifdCompression(parameters) } } : {}),
  }
}

/** What whoever receives obeys. */
export const loadParameters = ({ parameters }: Pick<Limited, 'parameters'>): LoadParameters => ({
  decompressThreads: numberOf(parameters, 'decompress-threads') ?? 1,
})

/** Time between two checkpoints of COLO. */
export const checkpointDelayMillis = (state: { readonly parameters: Parameters }): number =>
  Number(state.parameters['x-checkpoint-delay'] ?? 0)

/** Quirk s7: set by QMP, these are taken and forgotten by 7.2: they always read back as their default. */
const forgotten: ReadonlySet<string> = new Set(['multifd-zlib-level', 'multifd-zstd-level'])

/** 7.2 reads a negative number into an unsigned parameter as two's complement: a bandwidth of -1 becomes 2^64 - 1. */
const stored = (profile: Profile, name: string, value: ParameterValue): ParameterValue => {
  const type = parameterFact(name, profile)?.type
  const wraps = profile === '7.2' && (type === 'size' || type === 'uint64')
  return wraps && (typeof value === 'number' || typeof value === 'bigint') ? toUnsigned(value) : value
}

/** The parameters with the given values over them; null takes a text back. */
export const overlay = (
  profile: Profile,
  current: Parameters,
  given: Readonly<Record<string, unknown>>,
  quirks: readonly QuirkId[] = [],
): Parameters => ({
  ...current,
  ...Object.fromEntries(
    Object.entries(given)
      .filter(([name]) => !(forgotten.has(name) && quirks.includes('s7')))
      .map(([name, value]) => [name, value === null ? '' : stored(profile, name, value as ParameterValue)]),
  ),
})
