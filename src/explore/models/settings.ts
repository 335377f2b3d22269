/** Which model with which bounds, as plain data and as text: what a command line, a token and a file of a trail name. */
import { quirks, type Profile, type QuirkId } from '../../../machines/index.ts'
import type { Model } from '../model/language.ts'
import { modelOf, models } from './catalogue.ts'
import type { PairCapabilities, PairOptions } from './pair.ts'

/** See the head of this file. What is absent is the model's own default. */
export interface ModelSettings {
  readonly model: string
  readonly profile: Profile
  readonly quirks: readonly QuirkId[]
  readonly faults?: number
  /** Choices of the operator, each as the capabilities that are on, joined by `+`; `none` for none. */
  readonly capabilities?: readonly string[]
  readonly noReturnPath?: boolean
  readonly fence?: boolean
  readonly guest?: boolean
  readonly noDestinationPostcopy?: boolean
}

/** What was asked for names no model: says what was expected and found. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly _tag = 'SettingsError'
}

const capabilityNames = ['pause', 'postcopy', 'colo'] as const

const capabilitiesOf = (text: string): PairCapabilities => {
  const on = text === 'none' ? [] : text.split('+')
  const unknown = on.find((name) => !capabilityNames.some((each) => each === name))
  if (unknown !== undefined)
    throw new SettingsError(
      `capabilities: expected none, or ${capabilityNames.join(', ')} joined by +, found ${unknown}`,
    )
  return { pause: on.includes('pause'), postcopy: on.includes('postcopy'), colo: on.includes('colo') }
}

/** The options of a model. */
export const optionsOf = (settings: ModelSettings): PairOptions => ({
  profile: settings.profile,
  quirks: new Set(settings.quirks),
  ...(settings.faults === undefined ? {} : { faults: settings.faults }),
  ...(settings.capabilities === undefined ? {} : { capabilities: settings.capabilities.map(capabilitiesOf) }),
  ...(settings.noReturnPath ? { returnPath: false } : {}),
  ...(settings.fence ? { fence: true } : {}),
  ...(settings.guest ? { guest: true } : {}),
  ...(settings.noDestinationPostcopy ? { destinationPostcopy: false } : {}),
})

/** Makes the model. */
export const makeModel = (settings: ModelSettings): Model => {
  const found = modelOf(settings.model)
  if (found === undefined)
    throw new SettingsError(
      `model: expected one of ${models.map(({ name }) => name).join(', ')}, found ${settings.model}`,
    )
  return found.make(optionsOf(settings))
}

const flags = ['noReturnPath', 'fence', 'guest', 'noDestinationPostcopy'] as const

/** The settings as fields of text, in a fixed order. */
export const settingsText = (settings: ModelSettings): readonly string[] => [
  settings.model,
  `profile=${settings.profile}`,
  ...(settings.quirks.length === 0 ? [] : [`quirks=${settings.quirks.join(',')}`]),
  ...(settings.faults === undefined ? [] : [`faults=${settings.faults}`]),
  ...(settings.capabilities === undefined ? [] : [`capabilities=${settings.capabilities.join(',')}`]),
  ...flags.filter((flag) => settings[flag] === true),
]

const isQuirk = (id: string): id is QuirkId => quirks.some((quirk) => quirk.id === id)

/** The inverse of {@link settingsText}; undefined where the fields are none. */
export const parseSettings = (fields: readonly string[]): ModelSettings | undefined => {
  const [model = '', ...rest] = fields
  const values = new Map(rest.map((field) => [field.split('=', 1)[0]!, field.slice(field.indexOf('=') + 1)] as const))
  const profile = values.get('profile')
  const chosen = values.get('quirks')?.split(',') ?? []
  if (modelOf(model) === undefined || (profile !== '2.11' && profile !== '7.2')) return undefined
  const faults = values.get('faults')
  const capabilities = values.get('capabilities')
  return {
    model,
    profile,
    quirks: chosen.filter(isQuirk),
    ...(faults === undefined ? {} : { faults: Number(faults) }),
    ...(capabilities === undefined ? {} : { capabilities: capabilities.split(',') }),
    ...Object.fromEntries(flags.filter((flag) => values.has(flag)).map((flag) => [flag, true])),
  }
}
