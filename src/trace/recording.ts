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
import { Result, Schema } from 'effect'
import type { Profile } from '../../machines/index.ts'

/** Longest line that is read, in characters: a reply of `query-qmp-schema` stays well below it. */
export const lineLengthMax = 4 * 1024 * 1024

/** A line of a recording that cannot be read. Nothing of the file is used. */
export class RecordingLineError extends Schema.TaggedError<RecordingLineError>()('RecordingLineError', {
  file: Schema.String,
  /** Counted from 1. */
  line: Schema.Number,
  /** What would have been accepted. */
  expected: Schema.String,
  /** What was there instead. */
  found: Schema.String,
}) {
  override get message(): string {
    return `${this.file}:${this.line}: expected ${this.expected}, found ${this.found}`
  }
}

const QemuVersion = Schema.Struct({ major: Schema.Number, minor: Schema.Number, micro: Schema.Number })

/** What a QMP server says first. */
export const GreetingMessage = Schema.Struct({
  QMP: Schema.Struct({
    version: Schema.Struct({ qemu: QemuVersion, package: Schema.optionalKey(Schema.String) }),
    capabilities: Schema.Array(Schema.Unknown),
  }),
})

/** An event, as every QMP server sends it. */
export const EventMessage = Schema.Struct({
  event: Schema.String,
  data: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
})

/** A success. */
export const ReturnMessage = Schema.Struct({ return: Schema.Unknown, id: Schema.optionalKey(Schema.Unknown) })

/** A refusal. */
export const ErrorMessage = Schema.Struct({
  error: Schema.Struct({ class: Schema.String, desc: Schema.String }),
  id: Schema.optionalKey(Schema.Unknown),
})

const FromMachine = Schema.Struct({
  t: Schema.Number,
  dir: Schema.Literal('<-'),
  msg: Schema.Union([EventMessage, ReturnMessage, ErrorMessage, GreetingMessage]),
})

const ToMachine = Schema.Struct({
  t: Schema.Number,
  dir: Schema.Literal('->'),
  /** Anything: what a client sends may be wrong. `null` where it was not even JSON; `raw` then has the text. */
  msg: Schema.Unknown,
  raw: Schema.optionalKey(Schema.String),
})

const RecordedLine = Schema.Union([FromMachine, ToMachine])

/** A message with its place. */
export type RecordedMessage = (typeof FromMachine.Type | typeof ToMachine.Type) & {
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

const decodeLine = Schema.decodeUnknownResult(RecordedLine)
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
    if (record === undefined || Result.isFailure(record))
      return Result.fail(new RecordingLineError({ file, line, expected: expectedLine, found: clip(content) }))
    messages.push({ ...record.success, line })
  }
  return Result.succeed({ file, messages, profile: profileOf(messages) })
}
