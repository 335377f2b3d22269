/**
 * One party's recording: what was said over one QMP connection, a line a message, in the order in which the recorder saw
 * it. Text goes in, checked records with their line numbers come out; nothing is judged here.
 *
 * ```
 * {"t": 0.29, "dir": "->", "msg": {"execute": "migrate", "arguments": {"uri": "tcp:127.0.0.1:4444"}}}
 * {"t": 0.30, "dir": "<-", "msg": {"timestamp": {...}, "event": "MIGRATION", "data": {"status": "setup"}}}
 * {"t": 0.30, "dir": "<-", "msg": {"return": {}}}
 * ```
 */
import { Result } from 'effect'
import type { Profile } from '../../machines/index.ts'

/** Longest line that is read, in characters: a reply of `query-qmp-schema` stays well below it. */
export const lineLengthMax = 4 * 1024 * 1024

/** A line of a recording that cannot be read. Nothing of the file is used. */
export class RecordingLineError extends Error {
  readonly _tag = 'RecordingLineError'
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** What would have been accepted. */
  readonly expected: string
  /** What was there instead. */
  readonly found: string

  constructor(place: {
    readonly file: string
    readonly line: number
    readonly expected: string
    readonly found: string
  }) {
    super(`${place.file}:${place.line}: expected ${place.expected}, found ${place.found}`)
    this.name = 'RecordingLineError'
    this.file = place.file
    this.line = place.line
    this.expected = place.expected
    this.found = place.found
  }
}

/** What a QMP server says first. */
export interface GreetingMessage {
  readonly QMP: {
    readonly version: {
      readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number }
      readonly package?: string
    }
    readonly capabilities: readonly unknown[]
  }
}

/** An event, as every QMP server sends it. */
export interface EventMessage {
  readonly event: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** A success. */
export interface ReturnMessage {
  readonly return: unknown
  readonly id?: unknown
}

/** A refusal. */
export interface ErrorMessage {
  readonly error: { readonly class: string; readonly desc: string }
  readonly id?: unknown
}

interface FromMachine {
  readonly t: number
  readonly dir: '<-'
  readonly msg: EventMessage | ReturnMessage | ErrorMessage | GreetingMessage
}

interface ToMachine {
  readonly t: number
  readonly dir: '->'
  /** Anything: what a client sends may be wrong. `null` where it was not even JSON; `raw` then has the text. */
  readonly msg: unknown
  readonly raw?: string
}

/** A message with its place. */
export type RecordedMessage = (FromMachine | ToMachine) & {
  /** Counted from 1. */
  readonly line: number
}

/** What one party said and was told. */
export interface Recording {
  /** The file, as it was named by whoever read it. */
  readonly file: string
  readonly messages: readonly RecordedMessage[]
  /** The profile that the greeting tells; undefined where there is no greeting. */
  readonly profile: Profile | undefined
}

// The checks are written out instead of using Schema, because the page in the browser reads recordings too: Schema alone
// is larger than all else in it.
type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isGreeting = (value: Fields): boolean => {
  const { QMP: greeting } = value
  if (!isFields(greeting) || !isFields(greeting['version']) || !Array.isArray(greeting['capabilities'])) return false
  const { qemu } = greeting['version']
  return isFields(qemu) && ['major', 'minor', 'micro'].every((part) => typeof qemu[part] === 'number')
}

const isEvent = ({ event, data }: Fields): boolean =>
  typeof event === 'string' && (data === undefined || isFields(data))

const isError = ({ error }: Fields): boolean =>
  isFields(error) && typeof error['class'] === 'string' && typeof error['desc'] === 'string'

const isFromMachine = (value: unknown): boolean =>
  isFields(value) && (isEvent(value) || 'return' in value || isError(value) || isGreeting(value))

/** A line as a record; undefined where it is none. What a record has beside its known members is left out. */
const decodeLine = (value: unknown): FromMachine | ToMachine | undefined => {
  if (!isFields(value)) return undefined
  const { t, dir, msg, raw } = value
  if (typeof t !== 'number' || !('msg' in value)) return undefined
  if (dir === '->') return typeof raw === 'string' ? { t, dir, msg, raw } : { t, dir, msg }
  return dir === '<-' && isFromMachine(msg) ? { t, dir, msg: msg as FromMachine['msg'] } : undefined
}

const expectedLine =
  'a JSON object {"t": seconds, "dir": "->" or "<-", "msg": a QMP message (from the machine: event, return, error or greeting)}'

const clip = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

const profileOf = (messages: readonly RecordedMessage[]): Profile | undefined => {
  for (const message of messages) {
    if (message.dir === '->' || !('QMP' in message.msg)) continue
    return message.msg.QMP.version.qemu.major <= 2 ? '2.11' : '7.2'
  }
  return undefined
}

const parseJson = (text: string): Result.Result<unknown, undefined> =>
  Result.try({ try: (): unknown => JSON.parse(text), catch: () => undefined })

/**
 * Reads one party's recording from its text. Empty lines are skipped; the first line that is no message of a recording
 * is the error.
 *
 * @example
 * import { Result } from 'effect'
 * const text = '{"t": 0.1, "dir": "<-", "msg": {"event": "STOP"}}\n'
 * const recording = Result.getOrThrow(parseRecording('a.src.jsonl', text))
 * recording.messages[0]?.line // 1
 */
export const parseRecording = (file: string, text: string): Result.Result<Recording, RecordingLineError> => {
  const messages: RecordedMessage[] = []
  let line = 0
  for (const content of text.split('\n')) {
    line += 1
    if (content.trim() === '') continue
    if (content.length > lineLengthMax)
      return Result.fail(
        new RecordingLineError({
          file,
          line,
          expected: `a line of at most ${lineLengthMax} characters`,
          found: `${content.length} characters`,
        }),
      )
    const json = parseJson(content)
    const record = Result.isSuccess(json) ? decodeLine(json.success) : undefined
    if (record === undefined)
      return Result.fail(new RecordingLineError({ file, line, expected: expectedLine, found: clip(content) }))
    messages.push({ ...record, line })
  }
  return Result.succeed({ file, messages, profile: profileOf(messages) })
}
