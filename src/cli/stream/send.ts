/**
 * `switchover stream send`: a guest that `stream receive` has kept goes on in a fresh QEMU, which waits for a migration. What
 * it is sent by, that QEMU has to have on; the charts decide as they do for a guest of our own.
 */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Console, Effect, Layer, Option, Stream } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { nodeTransport } from '../../channel/node-transport.ts'
import { outgoingStatus, type CoreState } from '../../core/index.ts'
import { GuestMemory } from '../../memory/index.ts'
import type { MigrationInfo } from '../../qapi/index.ts'
import { makeMigrationProcess, type MigrationProcess } from '../../transfer/migration-process.ts'
import { capturedDevices } from '../../transfer/qemu/captured-devices.ts'
import { makeCapturedGuest } from '../../transfer/qemu/captured-guest.ts'
import { qemuOutgoingPlane } from '../../transfer/qemu/data-plane.ts'
import type { MultifdMethodName } from '../../wire/index.ts'
import { Failure, WrongUsage } from '../failure.ts'
import { formatBytes } from '../units.ts'
import { readCaptured, type CapturedDocument } from './captured-files.ts'
import { readFully } from './memory-of.ts'

interface Options {
  readonly guest: string
  readonly uri: string
  readonly compress: Option.Option<number>
  readonly channels: number
  readonly compression: MultifdMethodName
  readonly postcopy: boolean
  readonly json: boolean
}

const CHUNK_BYTES = 64 * 1024 * 1024

const attempt = <A>(what: string, work: () => A) =>
  Effect.try({
    try: work,
    catch: (error) => new WrongUsage({ reason: `${what}: ${error instanceof Error ? error.message : String(error)}` }),
  })

/** The guest's memory, from its files. */
const loadMemory = (directory: string, { blocks }: CapturedDocument): GuestMemory => {
  const memory = GuestMemory.allocate(blocks.map(({ name, usedLength }) => ({ name, usedLength })))
  for (const [index, { bytes }] of memory.blocks.entries()) {
    const file = openSync(join(directory, blocks[index]!.file), 'r')
    try {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
        const part = bytes.subarray(at, at + CHUNK_BYTES)
        const count = readFully(file, part, part.length, at)
        if (count < part.length)
          throw new Error(`${blocks[index]!.file}: expected ${bytes.length} bytes, found ${at + count}`)
      }
    } finally {
      closeSync(file)
    }
  }
  return memory
}

const isOver = (state: CoreState): boolean => ['completed', 'failed', 'cancelled'].includes(outgoingStatus(state))

const untilOver = (migration: MigrationProcess) =>
  migration.states.pipe(Stream.filter(isOver), Stream.runHead, Effect.flatMap(Effect.fromOption), Effect.orDie)

/** Sockets have a way back; a command and a file have not. */
const hasWayBack = (uri: string): boolean => uri.startsWith('tcp:') || uri.startsWith('unix:')

const capabilitiesOf = ({ uri, postcopy }: Options): readonly string[] => [
  ...(hasWayBack(uri) ? ['return-path'] : []),
  ...(postcopy ? ['postcopy-ram'] : []),
]

const run = Effect.fn('stream.send')(function* (options: Options) {
  const { guest: directory, uri, channels, compression: method, postcopy, json } = options
  if (postcopy && !hasWayBack(uri))
    return yield* new WrongUsage({ reason: `--postcopy: expected an address with a way back, found '${uri}'` })
  const document = yield* attempt(directory, () => readCaptured(directory))
  const { machine } = document
  if (machine === undefined)
    return yield* new WrongUsage({ reason: `${directory}: the guest is of a machine type too old to be sent` })
  const memory = yield* attempt(directory, () => loadMemory(directory, document))
  const devices = yield* attempt(directory, () =>
    capturedDevices(new Uint8Array(readFileSync(join(directory, document.devices)))),
  )
  const level = Option.getOrUndefined(options.compress)
  const plane = qemuOutgoingPlane({
    configuration: { machine },
    devices,
    postcopy,
    ...(level === undefined ? {} : { compressLevel: level }),
    ...(channels === 0 ? {} : { multifd: { uri, channels, method } }),
  })
  const services = yield* Layer.build(Layer.provideMerge(plane, nodeTransport))
  const guest = yield* makeCapturedGuest(memory)
  const migration = yield* makeMigrationProcess({ guest, profile: '7.2', peer: 'qemu' }).pipe(
    Effect.provideContext(services),
  )
  const wrong = (error: { readonly desc: string }) => new WrongUsage({ reason: error.desc })
  const on = capabilitiesOf(options).map((capability) => ({ capability, state: true }))
  yield* Effect.mapError(migration.execute('migrate-set-capabilities', { capabilities: on }), wrong)
  yield* Effect.mapError(migration.execute('migrate', { uri }), wrong)
  if (postcopy) yield* Effect.ignore(migration.execute('migrate-start-postcopy'))
  const state = yield* untilOver(migration)
  const info = (yield* Effect.orDie(migration.execute('query-migrate'))) as MigrationInfo
  const status = outgoingStatus(state)
  if (status === 'completed') {
    const sent = Number(info.ram?.transferred ?? 0)
    yield* Console.log(
      json
        ? JSON.stringify({ ...info, machine })
        : `completed: ${machine}, ${formatBytes(sent)} sent for ${formatBytes(memory.totalBytes)} of RAM in ${info['total-time']} ms`,
    )
    return
  }
  return yield* new Failure({ reason: `migration ${status}: ${state.outgoing?.error ?? 'no reason known'}` })
})

export const send = Command.make(
  'send',
  {
    guest: Argument.String('guest').pipe(
      Argument.withDescription('the directory of a guest that stream receive has kept'),
    ),
    uri: Argument.String('uri').pipe(
      Argument.withDescription(
        'where the QEMU waits, started with -incoming and the same machine: tcp:HOST:PORT, unix:PATH',
      ),
    ),
    compress: Flag.Int('compress').pipe(
      Flag.withDescription('send pages as zlib streams of this level (0 to 9); the QEMU has compress on'),
      Flag.optional,
    ),
    channels: Flag.Int('channels').pipe(
      Flag.withDescription('connections of multifd beside the main one; the QEMU has multifd on with as many'),
      Flag.withDefault(0),
    ),
    compression: Flag.Literals('compression', ['none', 'zlib', 'zstd']).pipe(
      Flag.withDescription('multifd-compression of the QEMU'),
      Flag.withDefault('none' as const),
    ),
    postcopy: Flag.Boolean('postcopy').pipe(
      Flag.withDescription('let the guest run there when half of its memory has arrived; the QEMU has postcopy-ram on'),
      Flag.withDefault(false),
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  (options) => Effect.scoped(run(options)),
).pipe(Command.withDescription('Send a guest that was kept to a fresh QEMU, where it goes on'))
