/** The migration parameters a core holds, and what the data plane needs of them. */
import type { Profile, QuirkId } from '../../machines/index.ts'
import { parameterFact, parameterFacts, toUnsigned } from '../qapi/index.ts'
import type { TransferParameters } from './intent.ts'

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

/** What the data plane obeys. Limits beyond 2^53 bytes a second are no limits. */
export const transferParameters = (state: Limited): TransferParameters => ({
  maxBandwidth: maxBandwidth(state),
  downtimeLimitMillis: Number(state.parameters['downtime-limit'] ?? 300),
})

/** Time between two checkpoints of COLO. */
export const checkpointDelayMillis = (state: { readonly parameters: Parameters }): number =>
  Number(state.parameters['x-checkpoint-delay'] ?? 0)

/** Set by QMP, these are taken and forgotten by 7.2: they always read back as their default. */
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
): Parameters => ({
  ...current,
  ...Object.fromEntries(
    Object.entries(given)
      .filter(([name]) => !forgotten.has(name))
      .map(([name, value]) => [name, value === null ? '' : stored(profile, name, value as ParameterValue)]),
  ),
})
