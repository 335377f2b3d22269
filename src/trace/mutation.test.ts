/**
 * The validation itself under test: recordings that a real QEMU never made. For every recorded scenario two neighbouring
 * statuses are swapped, or one is replaced; almost every such forgery has to be rejected, where it begins. Those that
 * are not are listed with the reason why they are legal.
 */
import { readdirSync } from 'node:fs'
import { NodeServices } from '@effect/platform-node'
import { Effect } from 'effect'
import t, { type Test } from 'tap'
import {
  observe,
  onePathAScenario,
  readScenario,
  type RecordedMessage,
  type Recording,
  type Scenario,
  validateScenario,
} from './index.ts'

const root = new URL('../../traces/', import.meta.url)

const scenarios: readonly Scenario[] = await Effect.runPromise(
  Effect.forEach(
    onePathAScenario(
      ['2.11', '7.2'].flatMap((folder) =>
        readdirSync(new URL(`${folder}/`, root))
          .filter((file) => file.endsWith('.jsonl'))
          .sort()
          .map((file) => new URL(`${folder}/${file}`, root).pathname),
      ),
    ),
    (path) => readScenario(path),
  ).pipe(Effect.provide(NodeServices.layer)),
)

/** A forged scenario: one party's messages changed from a line on. */
interface Forgery {
  readonly scenario: Scenario
  readonly name: string
  /** The last of the changed lines; the rejection may come anywhere from the first to it, or with the next line. */
  readonly first: number
  readonly last: number
}

const statusAt = (message: RecordedMessage | undefined): string | undefined =>
  message?.dir === '<-' && 'event' in message.msg && message.msg.event === 'MIGRATION'
    ? String(message.msg.data?.['status'])
    : undefined

const withMessages = (scenario: Scenario, party: string, messages: readonly RecordedMessage[]): Scenario => ({
  ...scenario,
  parties: scenario.parties.map((one) =>
    one.name === party ? Object.assign({}, one, { recording: { ...one.recording, messages } }) : one,
  ),
})

const withStatus = (message: RecordedMessage, status: string): RecordedMessage =>
  ({ ...message, msg: { event: 'MIGRATION', data: { status } } }) as RecordedMessage

/** The places of the judged statuses of a recording. */
const statusesOf = (recording: Recording): readonly number[] => {
  const { lineLast } = observe(recording)
  return [...recording.messages.keys()].filter((index) => {
    const message = recording.messages[index]
    return message !== undefined && message.line <= lineLast && statusAt(message) !== undefined
  })
}

const swap = (scenario: Scenario, party: string, a: RecordedMessage, b: RecordedMessage): Scenario => {
  const recording = scenario.parties.find((one) => one.name === party)?.recording
  const messages = recording?.messages.map((message) => {
    if (message === a) return withStatus(a, statusAt(b) ?? '')
    return message === b ? withStatus(b, statusAt(a) ?? '') : message
  })
  return withMessages(scenario, party, messages ?? [])
}

/** All swaps of two neighbouring, different statuses. */
function* swaps(scenario: Scenario): IterableIterator<Forgery> {
  for (const { name: party, recording } of scenario.parties) {
    const places = statusesOf(recording)
    for (const [nth, index] of places.entries()) {
      const a = recording.messages[index]
      const b = recording.messages[places[nth + 1] ?? -1]
      if (a === undefined || b === undefined || statusAt(a) === statusAt(b)) continue
      yield {
        scenario: swap(scenario, party, a, b),
        name: `${scenario.profile}/${scenario.name}.${party}: ${statusAt(b)} (line ${a.line}) before ${statusAt(a)}`,
        first: a.line,
        last: b.line,
      }
    }
  }
}

/** Every status replaced by another. */
function* replacements(scenario: Scenario, choose: (status: string, nth: number) => string): IterableIterator<Forgery> {
  for (const { name: party, recording } of scenario.parties)
    for (const [nth, index] of statusesOf(recording).entries()) {
      const a = recording.messages[index]
      const status = statusAt(a)
      if (a === undefined || status === undefined) continue
      const chosen = choose(status, nth)
      const messages = recording.messages.map((message) => (message === a ? withStatus(a, chosen) : message))
      yield {
        scenario: withMessages(scenario, party, messages),
        name: `${scenario.profile}/${scenario.name}.${party}: ${chosen} for ${status} (line ${a.line})`,
        first: a.line,
        last: a.line,
      }
    }
}

const told = (message: RecordedMessage, status: string): RecordedMessage =>
  ({ ...message, msg: { return: { status } } }) as RecordedMessage

/** Every tenth answer of a query-migrate, told as a status that the scenario never has. */
function* lies(scenario: Scenario): IterableIterator<Forgery> {
  for (const { name: party, recording } of scenario.parties) {
    const { list } = observe(recording)
    const polls = list.filter(
      (one) => one.kind === 'reply' && one.command.name === 'query-migrate' && one.command.reply?.ok,
    )
    for (const [nth, poll] of polls.entries()) {
      if (nth % 10 !== 0) continue
      const status = scenario.profile === '7.2' ? 'postcopy-recover' : 'postcopy-paused'
      const messages = recording.messages.map((message) =>
        message.line === poll.line ? told(message, status) : message,
      )
      yield {
        scenario: withMessages(scenario, party, messages),
        name: `${scenario.profile}/${scenario.name}.${party}: query-migrate tells ${status} (line ${poll.line})`,
        first: poll.line,
        last: poll.line,
      }
    }
  }
}

/** What became of many forgeries. */
interface Judged {
  readonly count: number
  /** Those that were not rejected. */
  readonly accepted: readonly string[]
  /** Those that were rejected later than the changed lines. */
  readonly late: readonly string[]
}

const judge = (t: Test, forge: (scenario: Scenario) => Iterable<Forgery>): Judged => {
  const accepted: string[] = []
  const late: string[] = []
  let count = 0
  for (const scenario of scenarios)
    for (const forgery of forge(scenario)) {
      const verdict = validateScenario(forgery.scenario)
      if (verdict.verdict === 'not-covered') continue
      count += 1
      if (verdict.verdict !== 'rejected') {
        accepted.push(forgery.name)
        continue
      }
      const { line, acceptedThrough, allowed, because } = verdict.rejection
      if (because === undefined && line < forgery.first) t.fail(`${forgery.name}: rejected before the change`)
      if (acceptedThrough >= line) t.fail(`${forgery.name}: the prefix does not end before the line`)
      if (because === undefined && allowed.length === 0) t.fail(`${forgery.name}: nothing was allowed`)
      if (because !== undefined || line > forgery.last) late.push(forgery.name)
    }
  return { count, accepted, late }
}

t.test('no two statuses can be swapped, and the line of the first tells', async (t) => {
  const { count, accepted, late } = judge(t, swaps)
  t.ok(count >= 672, `${count} of at least 672`)
  t.strictSame(accepted, [])
  t.strictSame(late, [])
})

t.test('a status that cannot be there is rejected', async (t) => {
  const impossible = ['none', 'cancelled', 'setup', 'cancelling', 'pre-switchover', 'colo', 'postcopy-active']
  const { count, accepted, late } = judge(t, (scenario) =>
    replacements(scenario, (status, nth) => {
      const chosen = impossible[nth % impossible.length] ?? 'none'
      return chosen === status ? 'none' : chosen
    }),
  )
  t.ok(count >= 916, `${count} of at least 916`)
  t.strictSame(accepted, [])
  // A cancel may come instead of some statuses; then the next line is the first that does not fit.
  t.ok(late.length < count / 100, String(late))
})

t.test('an answer that cannot be given is rejected at its line', async (t) => {
  const { count, accepted, late } = judge(t, lies)
  t.ok(count > 100, String(count))
  t.strictSame(accepted, [])
  // Without events a destination alone could be in postcopy; only its source's recording says that it was not.
  t.ok(late.length <= 2, String(late))
})

/** Other ends of a migration that are as good an explanation as the recorded one. */
const legal: Readonly<Record<string, readonly string[]>> = {
  'the recording ends with it, and a connect can fail before the cancel arrives': [
    '2.11/cancel_setup_then_refused.src: failed for cancelling (line 16)',
  ],
  'a destination can refuse the stream wherever it is': ['2.11/colo_return_path.dst: failed for colo (line 10)'],
  'the recording ends with it, and the last step can fail (h27 for the run that 7.2 starts over another)': [
    '2.11/cont_in_pre_switchover_then_continue.src: failed for completed (line 39)',
    '7.2/rnd-0051.src: failed for completed (line 32)',
  ],
  'the recorded destination refused a stream that the source thought complete: this one takes it': [
    '2.11/precopy_device_missing_on_dst_idle_fast.dst: completed for failed (line 10)',
  ],
  'split brain: the guest was cancelled or failed on the source after its last byte (h1, h27)': [
    '2.11/pause_switchover_cancel.dst: completed for failed (line 10)',
    '2.11/pause_switchover_cancel_then_again.dst: completed for failed (line 10)',
    '2.11/precopy_device_missing_on_dst_return_path.dst: completed for failed (line 10)',
    '7.2/fail-extra-device-src-rp.dst: completed for failed (line 10)',
    '7.2/psw-cancel-retry.dst: completed for failed (line 10)',
    '7.2/psw-paused-guest-cancel.dst: completed for failed (line 10)',
    '7.2/rnd-1002.dst2: completed for failed (line 10)',
    '7.2/rnd-1083.dst2: completed for failed (line 14)',
  ],
  'only the destination was recorded: whoever sent the stream may have sent all of it': [
    '7.2/incoming-errors-uris.dst16: completed for failed (line 10)',
    '7.2/incoming-errors-uris.dst17: completed for failed (line 10)',
  ],
  'failed twice (h6), or for a cancelled run (h5)': [
    '7.2/fail-multifd-compression-mismatch.src: failed for active (line 16)',
    '7.2/rnd-1002.src: failed for cancelled (line 28)',
    '7.2/rnd-1083.src: failed for cancelling (line 25)',
    '7.2/rnd-1154.src: failed for cancelled (line 16)',
  ],
}

t.test('another end of a migration is rejected unless it explains the rest as well', async (t) => {
  const { count, accepted } = judge(t, (scenario) =>
    replacements(scenario, (status) => (status === 'failed' ? 'completed' : 'failed')),
  )
  t.ok(accepted.length < count / 20, `${accepted.length} of ${count}`)
  t.strictSame([...accepted].sort(), Object.values(legal).flat().sort())
})
