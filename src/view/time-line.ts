/**
 * A scenario as one line of time: the messages of all parties in the order of their clocks, each with what a lane shows of
 * it, and the figures that query-migrate told on the way. What the charts make of it is in `analysis.ts`.
 */
import type { RecordedMessage, Scenario } from '../trace/index.ts'

/** What kind of a message a moment is. */
export type MomentKind = 'greeting' | 'command' | 'reply' | 'refusal' | 'event'

/** A message on the line of time. */
export interface Moment {
  /** Index of the party. */
  readonly party: number
  /** Counted from 1, in the party's own recording. */
  readonly line: number
  /** Seconds since the scenario began. */
  readonly seconds: number
  readonly kind: MomentKind
  /** The command or the event. */
  readonly title: string
  /** What it says, in one short line. */
  readonly detail: string
  /** Of a MIGRATION event or a query's reply: the status that it tells. */
  readonly status: string | undefined
  /** The index of the reply to this command, or of the command that this replies to. */
  readonly partner: number | undefined
  readonly message: unknown
}

/** One reading of query-migrate; what was not told is undefined. Bytes, bytes a second, milliseconds. */
export interface Reading {
  readonly party: number
  readonly seconds: number
  readonly transferredBytes: number | undefined
  readonly remainingBytes: number | undefined
  readonly totalBytes: number | undefined
  readonly dirtyBytesPerSecond: number | undefined
  readonly bandwidthBytesPerSecond: number | undefined
  /** `expected-downtime` while it runs, `downtime` when it is over. */
  readonly downtimeMillis: number | undefined
}

/** All of it. */
export interface TimeLine {
  readonly parties: readonly { readonly name: string; readonly title: string; readonly file: string }[]
  readonly moments: readonly Moment[]
  readonly readings: readonly Reading[]
  readonly seconds: readonly [first: number, last: number]
}

type Fields = Readonly<Record<string, unknown>>

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

/** What people call a party. */
export const partyTitle = (name: string): string => {
  const [, side, rest] = /^(src|dst)(.*)$/.exec(name) ?? []
  if (side === undefined) return name
  return `${side === 'src' ? 'Source' : 'Destination'}${rest === '' ? '' : ` ${rest}`}`
}

const DETAIL_MAX = 160

const short = (value: unknown): string => {
  const text = value === undefined ? '' : (JSON.stringify(value) ?? '')
  return text.length > DETAIL_MAX ? `${text.slice(0, DETAIL_MAX - 1)}…` : text === '{}' ? '' : text
}

/** Arguments as people write them: `uri tcp:…`, `max-bandwidth 4194304`. */
const argumentsInWords = (info: Fields): string => {
  const { capabilities } = info
  if (Array.isArray(capabilities))
    return capabilities
      .map(fieldsOf)
      .map(({ capability, state }) => `${String(capability)} ${state === true ? 'on' : 'off'}`)
      .join(', ')
  const text = Object.entries(info)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : short(value)}`)
    .join(', ')
  return text.length > DETAIL_MAX ? `${text.slice(0, DETAIL_MAX - 1)}…` : text
}

interface Draft {
  readonly kind: MomentKind
  readonly title: string
  readonly detail: string
  readonly status: string | undefined
}

const eventDraft = (event: string, data: Fields): Draft => {
  const status = event === 'MIGRATION' ? String(data['status']) : undefined
  const pass = event === 'MIGRATION_PASS' ? `pass ${String(data['pass'])}` : undefined
  return { kind: 'event', title: event, detail: status ?? pass ?? short(data), status }
}

const draftOf = (message: RecordedMessage, command: string): Draft => {
  if (message.dir === '->') {
    const fields = fieldsOf(message.msg)
    const name = fields['execute'] ?? fields['exec-oob']
    if (typeof name !== 'string')
      return { kind: 'command', title: '(no command)', detail: message.raw ?? short(message.msg), status: undefined }
    return { kind: 'command', title: name, detail: argumentsInWords(fieldsOf(fields['arguments'])), status: undefined }
  }
  const { msg } = message
  if ('event' in msg) return eventDraft(msg.event, fieldsOf(msg.data))
  if ('error' in msg) return { kind: 'refusal', title: command, detail: msg.error.desc, status: undefined }
  if ('return' in msg) {
    const { status } = fieldsOf(msg.return)
    const told = typeof status === 'string' ? status : undefined
    return { kind: 'reply', title: command, detail: told ?? short(msg.return), status: told }
  }
  const { qemu } = msg.QMP.version
  return {
    kind: 'greeting',
    title: 'greeting',
    detail: `QEMU ${qemu.major}.${qemu.minor}.${qemu.micro}`,
    status: undefined,
  }
}

const isReply = (message: RecordedMessage): boolean =>
  message.dir === '<-' && ('return' in message.msg || 'error' in message.msg)

const idOf = (message: unknown): unknown => fieldsOf(message)['id']

/** The command that each reply of a recording answers: the one whose id it has, or the oldest without an answer. */
const pairUp = (messages: readonly RecordedMessage[]): ReadonlyMap<RecordedMessage, RecordedMessage> => {
  const open: RecordedMessage[] = []
  const pairs = new Map<RecordedMessage, RecordedMessage>()
  for (const message of messages) {
    if (message.dir === '->') open.push(message)
    if (!isReply(message)) continue
    const id = idOf(message.msg)
    const byId = id === undefined ? -1 : open.findIndex((command) => idOf(command.msg) === id)
    const [command] = open.splice(Math.max(byId, 0), 1)
    if (command === undefined) continue
    pairs.set(message, command)
    pairs.set(command, message)
  }
  return pairs
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

const readingOf = (party: number, seconds: number, info: Fields): Reading | undefined => {
  const ram = fieldsOf(info['ram'])
  const downtimeMillis = numberOf(info['downtime']) ?? numberOf(info['expected-downtime'])
  if (ram['total'] === undefined && downtimeMillis === undefined) return undefined
  const pages = numberOf(ram['dirty-pages-rate'])
  const mbps = numberOf(ram['mbps'])
  return {
    party,
    seconds,
    transferredBytes: numberOf(ram['transferred']),
    remainingBytes: numberOf(ram['remaining']),
    totalBytes: numberOf(ram['total']),
    dirtyBytesPerSecond: pages === undefined ? undefined : pages * (numberOf(ram['page-size']) ?? 4096),
    bandwidthBytesPerSecond: mbps === undefined ? undefined : (mbps * 1e6) / 8,
    downtimeMillis,
  }
}

/**
 * Puts the parties' messages on one line. Messages with the same time keep the order of their recording, and parties the
 * order of the scenario.
 */
export const timeLineOf = ({ parties: unordered }: Scenario): TimeLine => {
  // The source comes first, as in every picture of a migration.
  const parties = [...unordered].sort((a, b) => Number(a.name.startsWith('dst')) - Number(b.name.startsWith('dst')))
  const drafts: { party: number; message: RecordedMessage; pair: RecordedMessage | undefined }[] = []
  for (const [party, { recording }] of parties.entries()) {
    const pairs = pairUp(recording.messages)
    for (const message of recording.messages) drafts.push({ party, message, pair: pairs.get(message) })
  }
  drafts.sort((a, b) => a.message.t - b.message.t || a.party - b.party || a.message.line - b.message.line)
  const indexOf = new Map(drafts.map(({ message }, index) => [message, index]))
  const readings: Reading[] = []
  const moments = drafts.map(({ party, message, pair }): Moment => {
    const command = pair !== undefined && message.dir === '<-' ? draftOf(pair, '').title : ''
    if (command === 'query-migrate' && message.dir === '<-' && 'return' in message.msg) {
      const reading = readingOf(party, message.t, fieldsOf(message.msg.return))
      if (reading !== undefined) readings.push(reading)
    }
    return {
      party,
      line: message.line,
      seconds: message.t,
      ...draftOf(message, command),
      partner: pair === undefined ? undefined : indexOf.get(pair),
      message: message.msg ?? message,
    }
  })
  return {
    parties: parties.map(({ name, recording }) => ({ name, title: partyTitle(name), file: recording.file })),
    moments,
    readings,
    seconds: [moments[0]?.seconds ?? 0, moments.at(-1)?.seconds ?? 0],
  }
}
