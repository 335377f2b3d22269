/** The migration parameters a core holds, and what the data plane needs of them. */
import type { Profile } from '../../machines/index.ts'
import { parameterFacts } from '../qapi/index.ts'
import type { TransferParameters } from './intent.ts'

/** A parameter's value. Integers beyond 2^53 are bigints. */
export type ParameterValue = number | bigint | boolean | string

/** The parameters by wire name. */
export type Parameters = Readonly<Record<string, ParameterValue>>

/** The defaults of a profile. */
export const defaultParameters = (profile: Profile): Parameters =>
  Object.fromEntries(
    parameterFacts(profile).flatMap(({ name, default: value }) => (value === undefined ? [] : [[name, value]])),
  )

/** What the data plane obeys. Limits beyond 2^53 bytes a second are no limits. */
export const transferParameters = (state: { readonly parameters: Parameters }): TransferParameters => ({
  maxBandwidth: Number(state.parameters['max-bandwidth'] ?? 0),
  downtimeLimitMillis: Number(state.parameters['downtime-limit'] ?? 300),
})
