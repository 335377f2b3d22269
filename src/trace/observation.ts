/**
 * From messages to observations: commands with their replies, events, the end of what can be judged. A QMP server takes
 * one command after the other, so a reply belongs to the oldest command without one, or to the one whose `id` it has.
 */
import type { Recording } from './recording.ts'

/** How a command was answered. */
export type Reply =
  | { readonly line: number; readonly ok: true; readonly value: unknown }
  | { readonly line: number; readonly ok: false; readonly class: string; readonly desc: string }

/** A command that was sent. */
export interface CommandObservation {
  readonly kind: 'command'
  readonly line: number
  readonly timeSeconds: number
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Undefined where the recording ends first. */
  readonly reply: Reply | undefined
}

/** The answer to a command that was sent earlier. */
export interface ReplyObservation {
  readonly kind: 'reply'
  readonly line: number
  readonly timeSeconds: number
  readonly command: CommandObservation
}

/** An event that a chart can emit. */
export interface EventObservation {
  readonly kind: 'event'
  readonly line: number
  readonly timeSeconds: number
  /** `STOP`, `RESUME`, `MIGRATION <status>` or `COLO_EXIT <mode> <reason>`. */
  readonly event: string
}

/** What a validation reads, in the order of the lines. */
export type Observation = CommandObservation | ReplyObservation | EventObservation

/** One party's observations. */
export interface Observations {
  readonly file: string
  readonly list: readonly Observation[]
  /** The first line at which text was sent that is no JSON, so that replies cannot be told apart. */
  readonly garbledAt: number | undefined
  /** The line after which nothing is judged: a quit, a SHUTDOWN, or the last line. */
  readonly lineLast: number
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

const requestOf = (message: unknown): { name: string; arguments: Readonly<Record<string, unknown>>; id: unknown } => {
  const fields = recordOf(message)
  const name = fields['execute'] ?? fields['exec-oob']
  return { name: typeof name === 'string' ? name : '', arguments: recordOf(fields['arguments']), id: fields['id'] }
}

/**
 * A recording's observations.
 *
 * @example
 * import { Result } from 'effect'
 * import { parseRecording } from './recording.ts'
 * const text = ['{"t":0,"dir":"->","msg":{"execute":"stop"}}', '{"t":0,"dir":"<-","msg":{"return":{}}}'].join('\n')
 * observe(Result.getOrThrow(parseRecording('a', text))).list.map((one) => one.kind) // ['command', 'reply']
 */
export const observe = (recording: Recording): Observations => {
  const list: Observation[] = []
  const open: { -readonly [K in keyof CommandObservation]: CommandObservation[K] }[] = []
  const ids = new Map<object, unknown>()
  let garbledAt: number | undefined
  let lineLast = recording.messages.at(-1)?.line ?? 0
  for (const message of recording.messages) {
    const { line, t: timeSeconds } = message
    if (message.dir === '->') {
      if (message.msg === null) {
        garbledAt ??= line
        continue
      }
      const request = requestOf(message.msg)
      const command = {
        kind: 'command' as const,
        line,
        timeSeconds,
        name: request.name,
        arguments: request.arguments,
        reply: undefined,
      }
      ids.set(command, request.id)
      open.push(command)
      list.push(command)
    } else if ('event' in message.msg) {
      const { event, data } = message.msg
      if (event === 'STOP' || event === 'RESUME') list.push({ kind: 'event', line, timeSeconds, event })
      else if (event === 'MIGRATION')
        list.push({ kind: 'event', line, timeSeconds, event: `MIGRATION ${String(data?.['status'])}` })
      else if (event === 'COLO_EXIT')
        list.push({
          kind: 'event',
          line,
          timeSeconds,
          event: `COLO_EXIT ${String(data?.['mode'])} ${String(data?.['reason'])}`,
        })
      else if (event === 'SHUTDOWN') {
        lineLast = line - 1
        break
      }
    } else if ('return' in message.msg || 'error' in message.msg) {
      const { id } = message.msg
      const byId = id === undefined ? -1 : open.findIndex((command) => ids.get(command) === id)
      const [command] = open.splice(Math.max(byId, 0), 1)
      if (command === undefined) continue
      command.reply =
        'error' in message.msg
          ? { line, ok: false, class: message.msg.error.class, desc: message.msg.error.desc }
          : { line, ok: true, value: message.msg.return }
      list.push({ kind: 'reply', line, timeSeconds, command })
    }
  }
  const quit = list.find((one) => one.kind === 'command' && one.name === 'quit' && one.reply?.ok !== false)
  if (quit !== undefined && quit.line <= lineLast) lineLast = quit.line - 1
  return { file: recording.file, list: withoutRepeats(list.filter((one) => one.line <= lineLast)), garbledAt, lineLast }
}

/**
 * Whether a `completed` is read before its figures are set (quirk q13): total-time is then 0 (7.2) or still a clock's
 * reading, which is longer than the recording itself (2.11).
 */
export const hasUnsetTotals = (info: Readonly<Record<string, unknown>>, timeSeconds: number): boolean => {
  const total = info['total-time']
  return (
    info['status'] === 'completed' && typeof total === 'number' && (total === 0 || total > timeSeconds * 1000 + 1000)
  )
}

/** What a poll asked and was told, if it is one. */
const pollOf = (request: Observation | undefined, reply: Observation | undefined): string | undefined => {
  if (request?.kind !== 'command' || reply?.kind !== 'reply' || reply.command !== request) return undefined
  if ((request.name !== 'query-migrate' && request.name !== 'query-status') || request.reply?.ok !== true)
    return undefined
  const value = recordOf(request.reply.value)
  if (request.name !== 'query-migrate') return `${request.name} ${String(value['status'])}`
  return ['query-migrate', value['status'], hasUnsetTotals(value, request.timeSeconds), 'error-desc' in value].join(' ')
}

/** Leaves out a poll that follows one with the same answer: the state that explains the first explains both. */
const withoutRepeats = (list: readonly Observation[]): Observation[] => {
  const kept: Observation[] = []
  let last: string | undefined
  for (let index = 0; index < list.length; index++) {
    const one = list[index]
    const poll = pollOf(one, list[index + 1])
    if (poll !== undefined && poll === last) index += 1
    else if (one !== undefined) {
      kept.push(one)
      if (poll !== undefined) {
        const reply = list[index + 1]
        if (reply !== undefined) kept.push(reply)
        index += 1
      }
      last = poll
    }
  }
  return kept
}
