/** What the managers of an observation's parties saw, as recordings that `switchover replay` and the chart page open. */
import type { Profile } from '../../machines/index.ts'
import type { CoreOutput, ManagerEvent } from '../../src/core/index.ts'
import { linesOf, type Answer, type Observation, type Party } from '../observation.ts'

interface RecordedLine {
  readonly t: number
  readonly dir: '->' | '<-'
  readonly msg: unknown
}

const greeting = (profile: Profile) => {
  const [major, minor] = profile.split('.').map(Number)
  return { QMP: { version: { qemu: { micro: 0, minor, major }, package: '' }, capabilities: [] } }
}

const asked = (atMillis: number, name: string, given: unknown): RecordedLine => ({
  t: atMillis / 1000,
  dir: '->',
  msg: { execute: name, ...(given === undefined ? {} : { arguments: given }) },
})

const heard = (atMillis: number, msg: unknown): readonly RecordedLine[] =>
  msg === undefined ? [] : [{ t: atMillis / 1000, dir: '<-', msg }]

const eventOf = (event: ManagerEvent, atMillis: number): unknown => ({
  timestamp: { seconds: Math.floor(atMillis / 1000), microseconds: (atMillis % 1000) * 1000 },
  ...event,
})

const messageOf = (output: CoreOutput, atMillis: number): unknown => {
  if (output.type === 'event') return eventOf(output.event, atMillis)
  if (output.type === 'reply') return { return: output.value }
  return output.type === 'refusal' ? { error: { class: output.class, desc: output.desc } } : undefined
}

const answered = (answer: Answer): unknown => {
  if (answer.type === 'reply') return { return: answer.value }
  return answer.type === 'refusal' ? { error: { class: answer.class, desc: answer.desc } } : undefined
}

/** The steps of a core say what it was told and what it said. */
const linesOfCore = (observation: Observation, party: Party): readonly RecordedLine[] =>
  linesOf(observation, 'state')
    .filter((line) => line.party === party)
    .flatMap(({ atMillis, input, outputs = [] }) => [
      ...(input?.type === 'command' ? [asked(atMillis, input.name, input.arguments)] : []),
      ...outputs.flatMap((output) => heard(atMillis, messageOf(output, atMillis))),
    ])

/** What went over the socket of a process. */
const linesOfProcess = (observation: Observation, party: Party): readonly RecordedLine[] =>
  linesOf(observation, 'message')
    .filter((line) => line.party === party)
    .flatMap(({ atMillis, message }) => {
      if (message.type === 'command') return [asked(atMillis, message.name, message.arguments)]
      return heard(atMillis, message.type === 'event' ? eventOf(message.event, atMillis) : answered(message.answer))
    })

/** The name of a party's recording. */
export const recordingName = (party: Party): string => {
  if (party === 'source') return 'src'
  const number = Number(party.split('-')[1])
  return number === 1 ? 'dst' : `dst${number}`
}

/** What each party's manager said and was told, a line a message, by the name of the party's recording. */
export const recordingsOf = (observation: Observation, profile: Profile): ReadonlyMap<string, string> => {
  const isOfCores = linesOf(observation, 'state').some(({ input }) => input !== undefined)
  const linesOfParty = isOfCores ? linesOfCore : linesOfProcess
  return new Map(
    observation.end.parties.map(({ party }) => [
      recordingName(party),
      [{ t: 0, dir: '<-', msg: greeting(profile) }, ...linesOfParty(observation, party)]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    ]),
  )
}

/** How the parties were started. */
export const metaOf = (observation: Observation): object => ({
  sides: Object.fromEntries(
    observation.end.parties.map(({ party }) => [
      recordingName(party),
      { args: party === 'source' ? [] : ['-incoming', 'defer'] },
    ]),
  ),
})
