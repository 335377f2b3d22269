/** The file of xen-save-devices-state: its bytes, its errors, and that the command leaves a real one behind. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Effect } from 'effect'
import t from 'tap'
import { silentSink, StreamDecoder, writeConfiguration } from '../wire/index.ts'
import { deviceFile, writeDeviceFile } from './device-file.ts'
import { deviceBytes, globalState, guestState, guestStateOf, MACHINE_NAME, runStateOf } from './dialect.ts'
import { smallGuest } from './testing/guests.ts'
import { makeSource } from './testing/party.ts'
import { realTest } from './testing/real-test.ts'

const directory = mkdtempSync(join(tmpdir(), 'device-file-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

const HEADER_BYTES = 8

/** The devices in a file. The decoder expects footers only behind a configuration, which such a file does not have. */
const devicesIn = (file: Uint8Array): ReadonlyMap<string, Uint8Array> => {
  const configuration = new Uint8Array(64)
  const length = writeConfiguration(configuration, 0, { machine: MACHINE_NAME })
  const devices = new Map<string, Uint8Array>()
  const decoder = new StreamDecoder(
    { ...silentSink, device: ({ idstr }, payload) => void devices.set(idstr, payload.slice()) },
    { deviceLength: deviceBytes, vmDescription: 'absent' },
  )
  const stream = [file.subarray(0, HEADER_BYTES), configuration.subarray(0, length), file.subarray(HEADER_BYTES)]
  for (const bytes of stream) decoder.feed(bytes, 0, bytes.length)
  decoder.finish()
  return devices
}

t.test('it is a stream of devices alone', async (t) => {
  const state = new Uint8Array([1, 2, 3])
  const devices = devicesIn(deviceFile([globalState('running'), guestState(state)]))
  t.strictSame([...devices.keys()], ['globalstate', 'guest'])
  t.equal(runStateOf(devices.get('globalstate') ?? new Uint8Array(4)), 'running')
  t.strictSame(guestStateOf(devices.get('guest') ?? new Uint8Array(4)), state)
})

t.test(
  'a longer file that was there before is gone; one that cannot be opened is an error with its reason',
  async (t) => {
    const path = join(directory, 'longer')
    writeFileSync(path, new Uint8Array(100))
    await Effect.runPromise(writeDeviceFile(path, new Uint8Array([7])))
    t.strictSame([...readFileSync(path)], [7])
    const error = await Effect.runPromise(
      Effect.flip(writeDeviceFile(join(directory, 'no', 'where'), new Uint8Array(1))),
    )
    t.match(error, { at: 'open', reason: 'No such file or directory' })
    const isDirectory = await Effect.runPromise(Effect.flip(writeDeviceFile(directory, new Uint8Array(1))))
    t.match(isDirectory, { at: 'open', reason: 'Is a directory' })
  },
)

realTest('the command: STOP, RESUME, and a complete file when it is answered', (t) =>
  Effect.gen(function* () {
    const source = yield* makeSource(smallGuest())
    const path = join(directory, 'state')
    t.strictSame(yield* source.execute('xen-save-devices-state', { filename: path }), {})
    const devices = devicesIn(readFileSync(path))
    t.equal(runStateOf(devices.get('globalstate') ?? new Uint8Array(4)), 'running')
    t.ok(guestStateOf(devices.get('guest') ?? new Uint8Array(4))?.length)
    t.equal(statSync(path).mode & 0o007, 0, 'nobody else may read it')
    yield* source.progresses

    const missing = join(directory, 'no', 'where')
    const refused = yield* Effect.flip(source.execute('xen-save-devices-state', { filename: missing }))
    t.match(refused, { class: 'GenericError', desc: `Unable to open ${missing}: No such file or directory` })
    yield* source.progresses
  }),
)
