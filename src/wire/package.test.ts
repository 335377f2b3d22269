/** The package of postcopy, taken apart without knowing its devices; and device sections told by their footers. */
import t from 'tap'
import {
  StreamError,
  readPackage,
  scanDevices,
  writeCommand,
  writeEof,
  writeFooter,
  writeSectionFull,
  type Command,
} from './index.ts'
import { writeBytes } from './bytes.ts'

const section = (id: number, idstr: string) => ({ id, idstr, instance: 0, version: 1 })

type Write = (buffer: Uint8Array, at: number) => number
const bytesOf = (...writes: readonly Write[]): Uint8Array => {
  const buffer = new Uint8Array(1000)
  return buffer.slice(
    0,
    writes.reduce((at, write) => write(buffer, at), 0),
  )
}
const say =
  (command: Command): Write =>
  (buffer, at) =>
    writeCommand(buffer, at, command)
const device =
  (id: number, idstr: string, payload: readonly number[]): Write =>
  (buffer, at) =>
    writeFooter(
      buffer,
      writeBytes(buffer, writeSectionFull(buffer, at, section(id, idstr)), Uint8Array.from(payload)),
      id,
    )

const LISTEN = { name: 'POSTCOPY_LISTEN' } as const
const RUN = { name: 'POSTCOPY_RUN' } as const
const PING = { name: 'PING', value: 3 } as const

t.test('commands before and behind the devices', async (t) => {
  const devices = bytesOf(device(7, 'cpu', [8, 0, 5, 0, 0]))
  const bytes = bytesOf(say(LISTEN), device(7, 'cpu', [8, 0, 5, 0, 0]), say(PING), say(RUN))
  const { before, behind, devicesAt, devicesEnd } = readPackage(bytes, 100)
  t.strictSame([before, behind], [[LISTEN], [PING, RUN]])
  t.same(bytes.subarray(devicesAt, devicesEnd), devices)
  t.strictSame(readPackage(bytesOf(say(LISTEN), say(PING), say(RUN)), 0).before, [LISTEN, PING, RUN], 'no devices')
  t.strictSame(readPackage(bytesOf(say(LISTEN), device(1, 'a', []), say(RUN)), 0).behind, [RUN])
  t.strictSame(readPackage(bytesOf(say(LISTEN), device(1, 'a', [])), 0).behind, [])
  t.strictSame(readPackage(new Uint8Array(0), 0), { before: [], behind: [], devicesAt: 0, devicesEnd: 0 })
})

t.test('anything else is refused at its place', async (t) => {
  const refused = (bytes: Uint8Array, where: number): void =>
    void t.throws(() => readPackage(bytes, 100), new RegExp(`Unexpected section in a package \\(at byte ${where}:`))
  refused(bytesOf(say(LISTEN), writeEof), 105)
  refused(bytesOf(say(LISTEN), say(PING)).subarray(0, 13), 105)
  refused(bytesOf(say({ name: 'PACKAGED', length: 0 })), 100)
  refused(
    bytesOf((b, at) => writeBytes(b, at, Uint8Array.of(8, 0, 99, 0, 0))),
    100,
  )
  t.throws(() => readPackage(Uint8Array.of(8, 0), 0), StreamError)
})

t.test('devices are told by footers with something plausible behind; a payload can fool that', async (t) => {
  const summary = (bytes: Uint8Array) =>
    scanDevices(bytes).map(({ section: { idstr }, length }) => `${idstr} ${length}`)
  const footerInside = [1, 0x7e, 0, 0, 0, 7, 9, 9]
  t.strictSame(summary(bytesOf(device(7, 'cpu', footerInside), device(8, 'timer', []), writeEof)), ['cpu 8', 'timer 0'])
  t.strictSame(summary(bytesOf(device(7, 'cpu', [1]))), ['cpu 1'], 'the end of a package')
  t.strictSame(summary(bytesOf(device(7, 'cpu', [1]), say(PING))), ['cpu 1'], 'a command')
  const fake = [...bytesOf((b, at) => writeFooter(b, at, 7), device(9, 'fake', [5]))]
  t.strictSame(summary(bytesOf(device(7, 'cpu', [...fake, 2, 2]), writeEof)), ['cpu 0'], 'hence for display only')
  t.strictSame(summary(bytesOf(device(7, 'cpu', [1])).subarray(0, 20)), [])
  t.strictSame(summary(new Uint8Array(0)), [])
})
