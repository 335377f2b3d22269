/**
 * QMP sessions that somebody else's tool has logged, as recordings: what `socat -v` prints, and what libvirt logs about its
 * monitors (also as JSON lines, as KubeVirt wraps them). The direction is told by the message itself, so it does not matter
 * which way round socat was started.
 */
import type { RecordedMessage, Recording } from '../../trace/recording.ts'
import { isFields, parseJson, takeObjects, type Fields } from './json-lines.ts'

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

/** The head of a block. It need not stand at the beginning of a line: what was sent before may not have ended one. */
const socatHead = /([<>]) (\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d)\.(\d+) {2}length=\d+ from=\d+ to=\d+\n/

/** Whether a text is the log of a `socat -v`. */
export const isSocatLog = (text: string): boolean => socatHead.test(text.slice(0, 4096))

/** Seconds of a head. The fraction counts microseconds, whatever number of digits it is padded to. */
const socatSeconds = (match: RegExpExecArray): number => {
  const [year = 0, month = 1, day, hour, minute, second, fraction = 0] = match.slice(2).map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 + fraction / 1e6
}

/** What `socat -v UNIX-LISTEN:a UNIX-CONNECT:b` printed on its standard error. */
export const parseSocatLog = (file: string, text: string): Recording => {
  const messages: Message[] = []
  const heads = [...text.matchAll(new RegExp(socatHead, 'g'))]
  // A message may be split over several blocks of its direction.
  const unfinished = new Map<string, string>()
  for (const [index, head] of heads.entries()) {
    const [whole, direction = ''] = head
    const block = text.slice(head.index + whole.length, heads[index + 1]?.index)
    const { objects, rest } = takeObjects((unfinished.get(direction) ?? '') + block.replaceAll('\\r', ''))
    unfinished.set(direction, rest)
    const seconds = socatSeconds(head)
    for (const object of objects) {
      const message = recorded(seconds, object)
      if (message !== undefined) messages.push(message)
    }
  }
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
    const [object] = takeObjects(content.slice(mark.index + whole.length) + (lines[index + 1] ?? '')).objects
    if (object === undefined) continue
    const message = recorded(time === undefined ? (eventSeconds(object) ?? seconds) : seconds, object)
    if (message === undefined) continue
    const known = monitors.get(monitor)
    if (known === undefined) monitors.set(monitor, [message])
    else known.push(message)
  }
  return [...monitors.values()].map((messages) => recordingOf(file, messages, '7.2'))
}
