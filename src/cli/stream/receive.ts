/**
 * `switchover stream receive`: waits for a live QEMU's migration, takes the guest, and keeps it as files. The charts decide
 * as they do for a guest of our own; the guest itself stays still, as only a QEMU can run it.
 */
import { Clock, Console, Deferred, Effect, Fiber, Layer, Option, Schedule, Stream } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { nodeTransport } from '../../channel/node-transport.ts'
import { incomingStatus, type CoreState } from '../../core/index.ts'
import { makeCapturedGuest, type CapturedGuest } from '../../transfer/qemu/captured-guest.ts'
import { qemuIncomingPlane } from '../../transfer/qemu/data-plane.ts'
import { makeMigrationProcess, type MigrationProcess } from '../../transfer/migration-process.ts'
import { StreamSummary, type MultifdMethodName } from '../../wire/index.ts'
import { Failure, WrongUsage } from '../failure.ts'
import { formatBytes } from '../units.ts'
import { CapturedFiles } from './captured-files.ts'
import { RecordingFiles } from './recording-files.ts'

interface Options {
  readonly uri: string
  readonly output: string
  readonly channels: number
  readonly compression: MultifdMethodName
  readonly record: Option.Option<string>
  readonly json: boolean
}

const CHANNELS_MAX = 255
const PROGRESS_PERIOD = '1 second'

const isOver = (state: CoreState): boolean => ['completed', 'failed'].includes(incomingStatus(state))

const untilOver = (migration: MigrationProcess) =>
  migration.states.pipe(Stream.filter(isOver), Stream.runHead, Effect.flatMap(Effect.fromOption), Effect.orDie)

/** A line a second while something comes. */
const progress = (received: () => number) => {
  let shown = 0
  return Effect.suspend(() => {
    if (received() === shown) return Effect.void
    shown = received()
    return Console.error(`received ${formatBytes(shown)}`)
  }).pipe(Effect.repeat(Schedule.spaced(PROGRESS_PERIOD)))
}

const attempt = <A>(option: string, work: () => A) =>
  Effect.try({
    try: work,
    catch: (error) =>
      new WrongUsage({ reason: `--${option}: ${error instanceof Error ? error.message : String(error)}` }),
  })

interface Report {
  readonly status: string
  readonly machine: string | undefined
  readonly runState: string
  readonly directory: string
  readonly receivedBytes: number
  readonly millis: number
  readonly blocks: readonly { readonly name: string; readonly usedLength: number; readonly file: string }[]
  readonly deviceBytes: number
}

const describe = ({ machine, directory, blocks, deviceBytes, receivedBytes, millis, runState }: Report): string =>
  [
    `completed: ${machine ?? 'an old machine type'}, guest ${runState}, in ${directory}`,
    `  ${formatBytes(receivedBytes)} received in ${Math.round(millis)} ms`,
    ...blocks.map(({ name, usedLength, file }) => `  ${name}: ${formatBytes(usedLength)} in ${file}`),
    `  devices: ${formatBytes(deviceBytes)}`,
  ].join('\n')

const run = Effect.fn('stream.receive')(function* (options: Options) {
  const { uri, output, channels, compression: method, json } = options
  if (channels < 0 || channels > CHANNELS_MAX)
    return yield* new WrongUsage({ reason: `--channels: expected 0 to ${CHANNELS_MAX}, found ${channels}` })
  const captured = yield* attempt('output', () => new CapturedFiles(output))
  yield* Effect.addFinalizer(() => Effect.sync(() => captured.memory.close()))
  const recording = Option.map(options.record, (prefix) => new RecordingFiles(prefix, channels))
  yield* Effect.addFinalizer(() => Effect.sync(() => Option.getOrUndefined(recording)?.close()))
  const summary = new StreamSummary(() => 0)
  let receivedBytes = 0
  const told = yield* Deferred.make<void>()
  const services = yield* Layer.build(
    Layer.merge(
      nodeTransport,
      qemuIncomingPlane({
        memory: captured.memory,
        channels,
        method,
        listener: summary.sink,
        over: () => Deferred.doneUnsafe(told, Effect.void),
        tap: (party, bytes) => {
          receivedBytes += bytes.length
          Option.getOrUndefined(recording)?.write(party, bytes)
        },
      }),
    ),
  )
  const guest: CapturedGuest = yield* makeCapturedGuest()
  const migration = yield* makeMigrationProcess({ guest, incoming: 'defer', profile: '7.2', peer: 'qemu' }).pipe(
    Effect.provideContext(services),
  )
  yield* migration
    .execute('migrate-incoming', { uri })
    .pipe(Effect.mapError((error) => new WrongUsage({ reason: error.desc })))
  const listening = yield* Effect.raceFirst(
    Effect.map(migration.address, (address) => ({ address })),
    Effect.map(untilOver(migration), (state) => ({ state })),
  )
  if ('address' in listening) yield* Console.error(`switchover: waiting for a migration on ${listening.address}`)
  const started = yield* Clock.currentTimeMillis
  const showing = yield* Effect.forkScoped(progress(() => receivedBytes))
  const state = yield* untilOver(migration)
  yield* Fiber.interrupt(showing)
  const status = incomingStatus(state)
  if (status !== 'completed')
    return yield* new Failure({ reason: `load of migration failed: ${state.incoming?.error}` })
  yield* Deferred.await(told)
  const devices = (yield* guest.devices) ?? new Uint8Array(0)
  const machine = summary.configuration?.machine
  const runState = summary.runState ?? 'running'
  const document = yield* attempt('output', () => captured.finish(machine, runState, devices))
  const report: Report = {
    status,
    machine,
    runState,
    directory: output,
    receivedBytes,
    millis: (yield* Clock.currentTimeMillis) - started,
    blocks: document.blocks,
    deviceBytes: devices.length,
  }
  yield* Console.log(json ? JSON.stringify(report) : describe(report))
})

export const receive = Command.make(
  'receive',
  {
    uri: Argument.String('uri').pipe(
      Argument.withDescription('where to wait, as QEMU’s -incoming has it: tcp:HOST:PORT, unix:PATH, exec:COMMAND'),
    ),
    output: Flag.String('output').pipe(Flag.withDescription('a new directory for the guest')),
    channels: Flag.Int('channels').pipe(
      Flag.withDescription('multifd-channels of the source, if it has multifd on'),
      Flag.withDefault(0),
    ),
    compression: Flag.Literals('compression', ['none', 'zlib', 'zstd']).pipe(
      Flag.withDescription('multifd-compression of the source'),
      Flag.withDefault('none' as const),
    ),
    record: Flag.String('record').pipe(
      Flag.withDescription('keep the streams as they came: PREFIX.bin, or PREFIX.main.bin and PREFIX.ch0.bin ...'),
      Flag.optional,
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  (options) => Effect.scoped(run(options)),
).pipe(Command.withDescription('Take the guest of a live QEMU that migrates to here, and keep it as files'))
