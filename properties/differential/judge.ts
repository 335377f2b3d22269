/** Transcripts held against the charts: what no comparison can say of a race, they can. */
import { Result } from 'effect'
import type { QuirkId } from '../../machines/index.ts'
import { encodeLine } from '../../src/qmp/message.ts'
import { parseRecording, type Recording } from '../../src/trace/recording.ts'
import { makeScenario, type Scenario, type ScenarioMeta } from '../../src/trace/scenario.ts'
import { validateScenario } from '../../src/trace/validate.ts'
import type { Verdict } from '../../src/trace/verdict.ts'
import type { PartyTranscript, Transcript } from './transcript.ts'

/** A party's lines as the text of a recording. */
export const recordingText = ({ lines }: PartyTranscript): string =>
  lines
    .map(({ seconds, direction, message }) =>
      encodeLine({ t: Math.round(seconds * 1e6) / 1e6, dir: direction, msg: message }).replace('\r\n', '\n'),
    )
    .join('')

/** How the parties of a transcript were started. */
export const metaOf = (transcript: Transcript): ScenarioMeta => ({
  sides: Object.fromEntries(
    transcript.parties.map(({ name }) => [name, { args: name === 'src' ? [] : ['-incoming', 'defer'] }]),
  ),
})

/** A transcript as the recording that it would be. */
export const scenarioOf = (name: string, transcript: Transcript): Scenario => {
  const recordings = transcript.parties.map((party): readonly [string, Recording] => [
    party.name,
    Result.getOrThrow(parseRecording(`${name}.${party.name}.jsonl`, recordingText(party))),
  ])
  return makeScenario(name, recordings, metaOf(transcript))
}

/** Judges a transcript with the quirks that may explain it. */
export const judge = (name: string, transcript: Transcript, quirks: Iterable<QuirkId>): Verdict =>
  validateScenario(scenarioOf(name, transcript), { quirks })

/** A rejection in a sentence; undefined if there is none. */
export const rejectionText = (verdict: Verdict): string | undefined => {
  if (verdict.verdict !== 'rejected') return undefined
  const { file, line, observed, allowed, because } = verdict.rejection
  const instead = because ?? `allowed was ${allowed.slice(0, 6).join(', ')}`
  return `${file}:${line} ${observed}; ${instead}`
}
