/**
 * QMP sessions that somebody else's tool has logged, as recordings: what `socat -v` prints, and what libvirt logs about its
 * monitors (also as JSON lines, as KubeVirt wraps them). The direction is told by the message itself, so it does not matter
 * which way round socat was started.
 */
import type { RecordedMessage, Recording } from '../../trace/recording.ts'
import { isFields, objectsIn, parseJson, type Fields } from './json-lines.ts'

type Message =
  Omit<Extract<RecordedMessage, { dir: '->' }>, 'line'> | Omit<Extract<RecordedMessage, { dir: '<-' }>, 'line'>

/** A message as a recorded one; undefined where it is none of QMP's. */
const recorded = (t: number, msg: Fields): Message | undefined => {
  if ('execute' in msg || 'exec-oob' in msg) return { t, dir: '->', msg }
  if ('QMP' in msg || 'event' in msg || 'return' in msg || 'error' in msg)
    return { t, dir: '<-', msg: msg as unknown as Extract<RecordedMessage, { dir: '<-' }>['msg'] }
  return undefined
}

const profileOf = (messages: readonly Message[]): Recording['profile'] => {
  for (const { msg } of messages)
    if (isFields(msg) && isFields(msg['QMP'])) {
      const version = msg['QMP']['version']
      const qemu = isFields(version) ? version['qemu'] : undefined
      if (isFields(qemu)) return Number(qemu['major']) <= 2 ? '2.11' : '7.2'
    }
  return undefined
}

const recordingOf = (file: string, messages: readonly Message[], otherwise: Recording['profile']): Recording => {
  const first = messages[0]?.t ?? 0
  return {
    file,
    messages: messages.map((message, index) => ({ ...message, t: message.t - first, line: index + 1 })),
    profile: profileOf(messages) ?? otherwise,
  }
}

const socatHead = /^[<>] (\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)\.(\d+) {2}length=\d+ from=\d+ to=\d+$/

/** Whether a text is the log of a `socat -v`. */
export const isSocatLog = (text: string): boolean => text.split('\n', 20).some((line) => socatHead.test(line))

/** Seconds of a socat line. The fraction counts microseconds, whatever number of digits it is padded to. */
const socatSeconds = (match: RegExpExecArray): number => {
  const [, year, month, day, hour, minute, second, fraction] = match.map(Number)
  const whole = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second) / 1000
  return whole + (fraction ?? 0) / 1e6
}

/** What `socat -v UNIX-LISTEN:a UNIX-CONNECT:b` printed on its standard error. */
export const parseSocatLog = (file: string, text: string): Recording => {
  const messages: Message[] = []
  // A message may be split over several blocks, so each direction is put together before it is read.
  const parts = new Map<string, { t: number; text: string }>()
  const flush = (direction: string): void => {
    const part = parts.get(direction)
    if (part === undefined) return
    const objects = objectsIn(part.text)
    if (objects.length === 0) return
    parts.delete(direction)
    for (const object of objects) {
      const message = recorded(part.t, object)
      if (message !== undefined) messages.push(message)
    }
  }
  let direction = ''
  for (const line of text.split('\n')) {
    const head = socatHead.exec(line)
    if (head === null) {
      const part = parts.get(direction)
      if (part !== undefined) part.text += line.replaceAll('\\r', '')
      continue
    }
    flush(direction)
    direction = line[0] ?? ''
    const part = parts.get(direction)
    if (part === undefined) parts.set(direction, { t: socatSeconds(head), text: '' })
  }
  flush('<')
  flush('>')
  return recordingOf(file, messages, undefined)
}

const libvirtMark = /QEMU_MONITOR_(SEND_MSG|RECV_REPLY|RECV_EVENT|IO_WRITE): mon=(\S+) (?:msg|reply|event|buf)=/

/** Whether a text has lines of libvirt about its monitors. */
export const isLibvirtLog = (text: string): boolean => libvirtMark.test(text)

const libvirtTime = /(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?)/

/** A line that a log collector has wrapped is taken out of its wrapping. */
const unwrapped = (line: string): { readonly text: string; readonly stamp: string } => {
  const value = line.startsWith('{') ? parseJson(line) : undefined
  if (!isFields(value) || typeof value['msg'] !== 'string') return { text: line, stamp: line }
  return { text: value['msg'], stamp: String(value['timestamp'] ?? '') }
}

/** Microseconds of QMP's own stamp are finer than those of the log. */
const eventSeconds = (message: Fields): number | undefined => {
  const stamp = message['timestamp']
  if (!isFields(stamp) || typeof stamp['seconds'] !== 'number' || typeof stamp['microseconds'] !== 'number')
    return undefined
  return stamp['seconds'] + stamp['microseconds'] / 1e6
}

/** One recording a monitor, in the order in which they first speak. A log without a greeting is taken for a recent QEMU's. */
export const parseLibvirtLog = (file: string, text: string): readonly Recording[] => {
  const lines = text.split('\n')
  // What is sent is logged twice at the finest level; where the message is there, the bytes are not needed.
  const hasMessages = text.includes('QEMU_MONITOR_SEND_MSG')
  const monitors = new Map<string, Message[]>()
  let seconds = 0
  for (const [index, line] of lines.entries()) {
    const { text: content, stamp } = unwrapped(line)
    const mark = libvirtMark.exec(content)
    if (mark === null) continue
    const [whole, kind, monitor = ''] = mark
    if (kind === 'IO_WRITE' && hasMessages) continue
    const time = libvirtTime.exec(stamp)?.[1]
    if (time !== undefined) seconds = Date.parse(`${time.replace(' ', 'T')}Z`) / 1000
    const [object] = objectsIn(content.slice(mark.index + whole.length) + (lines[index + 1] ?? ''))
    if (object === undefined) continue
    const message = recorded(time === undefined ? (eventSeconds(object) ?? seconds) : seconds, object)
    if (message === undefined) continue
    const known = monitors.get(monitor)
    if (known === undefined) monitors.set(monitor, [message])
    else known.push(message)
  }
  return [...monitors.values()].map((messages) => recordingOf(file, messages, '7.2'))
}
