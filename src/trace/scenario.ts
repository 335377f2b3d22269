/**
 * A scenario: the recordings of all parties that took part, and how each of them was started. Facts that QMP does not
 * show (a killed peer, a cut link) may be in the `meta` file beside the recordings; the validation needs only the
 * command lines from it, because everything else is a silent step.
 */
import { Result } from 'effect'
import type { Profile } from '../../machines/index.ts'
import type { Recording } from './recording.ts'

/** How a party's process was started, as far as the charts ask. */
export interface StartOptions {
  /** With `-incoming`. */
  readonly incoming: boolean
  /** With `-incoming defer`. */
  readonly defer: boolean
  /** Without `-S`. */
  readonly autostart: boolean
  /** The address of `-incoming`, unless deferred. */
  readonly incomingUri: string | undefined
}

/** One process of a scenario. */
export interface Party {
  /** The file name's part between scenario and `.jsonl`: `src`, `dst`, `dst2` and so on. */
  readonly name: string
  readonly recording: Recording
  readonly start: StartOptions
}

/** All parties of a run, by name. */
export interface Scenario {
  readonly name: string
  readonly profile: Profile
  readonly parties: readonly Party[]
}

/** The two layouts of a meta file, each as far as it is used: command lines as lists, or as one string an action. */
export interface ScenarioMeta {
  readonly sides?: Readonly<Record<string, { readonly args?: readonly string[] }>>
  readonly actions?: readonly { readonly who: string; readonly what: string; readonly detail?: unknown }[]
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isSide = (value: unknown): boolean =>
  isFields(value) &&
  (value['args'] === undefined ||
    (Array.isArray(value['args']) && value['args'].every((word) => typeof word === 'string')))

const isAction = (value: unknown): boolean =>
  isFields(value) && typeof value['who'] === 'string' && typeof value['what'] === 'string'

const isMeta = (value: unknown): value is ScenarioMeta =>
  isFields(value) &&
  (value['sides'] === undefined || (isFields(value['sides']) && Object.values(value['sides']).every(isSide))) &&
  (value['actions'] === undefined || (Array.isArray(value['actions']) && value['actions'].every(isAction)))

/** Reads a meta file's text; undefined where it is none. */
export const parseMeta = (text: string): ScenarioMeta | undefined => {
  const json = Result.try({ try: (): unknown => JSON.parse(text), catch: () => undefined })
  return Result.isSuccess(json) && isMeta(json.success) ? json.success : undefined
}

/** A party's command line, split at blanks. */
const commandLine = (meta: ScenarioMeta | undefined, party: string): readonly string[] | undefined => {
  const args = meta?.sides?.[party]?.args
  if (args !== undefined) return args
  const start = meta?.actions?.find((action) => action.who === party && action.what === 'start')
  return typeof start?.detail === 'string' ? start.detail.split(/\s+/) : undefined
}

/** Whether the recording asks for migrate-incoming, which only a deferred destination is asked. */
const asksToListen = (recording: Recording): boolean =>
  recording.messages.some(
    ({ dir, msg }) =>
      dir === '->' && typeof msg === 'object' && msg !== null && 'execute' in msg && msg.execute === 'migrate-incoming',
  )

/** Whether the recording shows a guest that nobody has started yet. */
const tellsPrelaunch = (recording: Recording): boolean =>
  recording.messages.some(({ dir, msg }) => {
    const told = dir === '<-' && isFields(msg) ? msg['return'] : undefined
    return isFields(told) && told['status'] === 'prelaunch'
  })

/**
 * How a party was started: from its command line where the meta file has one, else from its name and from what it is
 * asked and tells.
 */
export const startOptionsOf = (meta: ScenarioMeta | undefined, party: string, recording: Recording): StartOptions => {
  const words = commandLine(meta, party)
  if (words === undefined) {
    const incoming = party.startsWith('dst') || asksToListen(recording)
    return {
      incoming,
      defer: incoming && asksToListen(recording),
      autostart: !tellsPrelaunch(recording),
      incomingUri: undefined,
    }
  }
  const at = words.indexOf('-incoming')
  const uri = at < 0 ? undefined : words[at + 1]
  return {
    incoming: uri !== undefined,
    defer: uri === 'defer',
    autostart: !words.includes('-S'),
    incomingUri: uri === 'defer' ? undefined : uri,
  }
}

/**
 * Puts a scenario together from its parties' recordings. The profile is that of the first greeting, `2.11` where there
 * is none.
 */
export const makeScenario = (
  name: string,
  recordings: Iterable<readonly [party: string, recording: Recording]>,
  meta?: ScenarioMeta,
): Scenario => {
  const parties: Party[] = []
  for (const [party, recording] of recordings)
    parties.push({ name: party, recording, start: startOptionsOf(meta, party, recording) })
  parties.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const profile = parties.map((party) => party.recording.profile).find((found) => found !== undefined) ?? '2.11'
  return { name, profile, parties }
}
