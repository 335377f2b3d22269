/**
 * Two transcripts of one sequence, held against each other. What depends on time is left out first: timestamps, counters,
 * how many passes there were. What remains has to be equal: class and text of every answer, the members of an answer,
 * the events of each side in their order, whether the event that a command causes precedes its answer, and how both sides
 * stand after every step.
 *
 * After a race both may stand elsewhere, each rightly; then nothing more is compared, and only the charts judge.
 */
import type { Answer } from '../../src/peer/peer.ts'
import { stepText } from './step.ts'
import type { CallOutcome, PartyRest, StepOutcome, Transcript } from './transcript.ts'

/** What differs. */
export interface Difference {
  readonly kind: 'answer' | 'members' | 'order' | 'events' | 'rest' | 'charts'
  /** The step, counted from 0; none for what concerns the whole. */
  readonly step?: number
  /** Where: the step as text. */
  readonly where: string
  /** The command it is about. */
  readonly command?: string
  /** The side it is about, by the name of its process. */
  readonly party?: string
  readonly qemu: string
  readonly double: string
}

/** What a comparison came to. */
export interface Comparison {
  readonly differences: readonly Difference[]
  /** Steps that were compared. */
  readonly compared: number
  /** Why it ended before the last step did. */
  readonly ended?: 'race' | 'parted'
}

/** What to do about a difference: `parts` says that both systems are in other states from here on. */
export type Reaction = 'goes-on' | 'parts'

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}

/** A text without what differs from run to run: the places where sockets are. */
const withoutPlaces = (text: string): string => text.replaceAll(/[^\s':]*\/migration-\d+\.sock/g, 'SOCKET')

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

/** An answer as text that can be compared; of query-migrate the status, as its members are compared after every step. */
export const answerText = ({ call, answer }: Pick<CallOutcome, 'call' | 'answer'>): string => {
  if (answer.type === 'error') return withoutPlaces(`${answer.class}: ${answer.desc}`)
  if (answer.type !== 'return') return answer.type
  const value = call.name === 'query-migrate' ? recordOf(answer.value)['status'] : answer.value
  return JSON.stringify(sorted(value)) ?? 'no status'
}

/** Both answers; of two lists that differ, what only one of them has. */
const answerTexts = (theirs: CallOutcome, ours: CallOutcome): Pick<Difference, 'qemu' | 'double'> => {
  const [qemu, double] = [answerText(theirs), answerText(ours)]
  const [a, b] = [theirs, ours].map(({ answer }) => (answer.type === 'return' ? answer.value : undefined))
  if (qemu === double || !Array.isArray(a) || !Array.isArray(b)) return { qemu, double }
  const [left, right] = [a, b].map((list: readonly unknown[]) => list.map((item) => JSON.stringify(sorted(item))))
  const without = (list: readonly string[], other: readonly string[]) =>
    `[${list.filter((item) => !other.includes(item)).join(',')}]`
  return { qemu: without(left ?? [], right ?? []), double: without(right ?? [], left ?? []) }
}

/** The event that a command causes while it is carried out, so that it precedes the answer. */
const caused: Readonly<Record<string, string>> = {
  migrate: 'MIGRATION setup',
  'migrate-incoming': 'MIGRATION setup',
  migrate_cancel: 'MIGRATION cancelling',
  stop: 'STOP',
  cont: 'RESUME',
}

const orderText = ({ call, answer, eventsBefore }: CallOutcome): string => {
  const event = caused[call.name]
  if (event === undefined || (answer as Answer).type !== 'return') return ''
  return eventsBefore.includes(event) ? `${event} before the answer` : `no ${event} before the answer`
}

/** Events without passes (only time tells how many there are) but the one that precedes `active`. */
const eventsText = (events: readonly string[], rest: PartyRest | undefined): string => {
  const kept = events.filter((event, index) => event !== 'MIGRATION_PASS' || events[index + 1] === 'MIGRATION active')
  // The last words of a process that ends do not always arrive.
  if (rest === 'gone' && kept.at(-1) === 'MIGRATION failed') kept.pop()
  return kept.join(', ')
}

const restText = (rest: PartyRest | undefined): string =>
  rest === undefined ? 'not started' : typeof rest === 'string' ? rest : `${rest.status}, guest ${rest.runState}`

/** The members of query-migrate's answer that only one has, as seen from the first, after the status that both have. */
const onlyIn = (first: PartyRest | undefined, second: PartyRest | undefined): string => {
  if (typeof first !== 'object' || typeof second !== 'object' || first.status !== second.status) return ''
  const members = first.members.filter((member) => !second.members.includes(member))
  return members.length === 0 ? '' : `${first.status}: ${members.join(' ')}`
}

const standText = (outcome: StepOutcome): string => {
  const short = (rest: PartyRest | undefined) =>
    typeof rest === 'object' ? `${rest.status}/${rest.runState}` : (rest ?? 'not started')
  const { rest } = outcome
  return rest === undefined ? '' : `${short(rest.source)} ${short(rest.destination)} ${rest.unsettled}`
}

/** What differs in one step that was carried out in sequence. */
const stepDifferences = (step: number, qemu: StepOutcome, double: StepOutcome): Difference[] => {
  const where = stepText(qemu.step)
  const found: Difference[] = []
  const differ = (difference: Omit<Difference, 'step' | 'where'>) => {
    if (difference.qemu !== difference.double) found.push({ ...difference, step, where })
  }
  for (const [index, theirs] of qemu.calls.entries()) {
    const ours = double.calls[index]
    if (ours === undefined) continue
    const command = theirs.call.name
    differ({ kind: 'answer', command, ...answerTexts(theirs, ours) })
    if (theirs.answer.type === ours.answer.type)
      differ({ kind: 'order', command, qemu: orderText(theirs), double: orderText(ours) })
  }
  const command = qemu.calls[0]?.call.name
  const about = command === undefined ? {} : { command }
  const parties = [...new Set([...Object.keys(qemu.events), ...Object.keys(double.events)])]
  const last = parties.at(-1)
  for (const party of parties) {
    const restOf = ({ rest }: StepOutcome) =>
      party === 'src' ? rest?.source : party === last ? rest?.destination : 'gone'
    differ({
      kind: 'events',
      ...about,
      party,
      qemu: eventsText(qemu.events[party] ?? [], restOf(qemu)),
      double: eventsText(double.events[party] ?? [], restOf(double)),
    })
  }
  for (const [party, theirs, ours] of [
    ['src', qemu.rest?.source, double.rest?.source],
    ['dst', qemu.rest?.destination, double.rest?.destination],
  ] as const) {
    differ({ kind: 'rest', ...about, party, qemu: restText(theirs), double: restText(ours) })
    differ({ kind: 'members', ...about, party, qemu: onlyIn(theirs, ours), double: onlyIn(ours, theirs) })
  }
  return found
}

/**
 * Compares step by step. `react` says of a difference that is meant to be whether both are in other states after it: then
 * what follows follows from that. After any other difference nothing more is compared than the step it is in.
 */
export const compare = (
  qemu: Transcript,
  double: Transcript,
  react: (difference: Difference) => Reaction | undefined,
): Comparison => {
  const differences: Difference[] = []
  let compared = 0
  for (const [step, theirs] of qemu.steps.entries()) {
    const ours = double.steps[step]
    if (ours === undefined) return { differences, compared, ended: 'parted' }
    if (theirs.step.do === 'call') {
      const found = stepDifferences(step, theirs, ours)
      compared++
      let isUnexpected = false
      for (const difference of found) {
        differences.push(difference)
        const reaction = react(difference)
        if (reaction === 'parts') return { differences, compared, ended: 'parted' }
        isUnexpected ||= reaction === undefined
      }
      if (isUnexpected) return { differences, compared }
    } else if (standText(theirs) !== standText(ours)) return { differences, compared, ended: 'race' }
  }
  return { differences, compared }
}
