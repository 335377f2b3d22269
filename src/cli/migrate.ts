/**
 * `switchover migrate`: moves a guest's memory from this process into another one, here and now, and proves that it
 * arrived. The guest runs all the while, and goes on in the other process.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Clock, Console, Effect, FileSystem, Option, Queue, Stream, type Scope } from 'effect'
import { Command, Flag } from 'effect/cli'
import { ChildProcess, ChildProcessSpawner } from 'effect/process'
import type { DescriptorTable } from '../channel/descriptor.ts'
import { parseSize, type GuestDiskWrite } from '../memory/index.ts'
import { sha256 } from '../memory/node.ts'
import type { MigrationInfo } from '../qapi/index.ts'
import { connectClient, type QmpClient, type QmpDuplex } from '../qmp/client.ts'
import { encodeLine, type JsonObject } from '../qmp/message.ts'
import { openSession } from '../qmp/session.ts'
import type { GuestDrives } from '../transfer/disk/guest-drives.ts'
import { makeGuest } from '../transfer/guest-program.ts'
import { makeMigrationProcess } from '../transfer/migration-process.ts'
import { descriptorTable } from './descriptors.ts'
import { compareDisks, makeIfMissing, type DiskComparison } from './disk-comparison.ts'
import { driveOptions, openDrives, type DriveOption } from './drive-option.ts'
import { Failure, WrongUsage } from './failure.ts'
import { compareWithFile, type Comparison } from './memory-file.ts'
import { capabilitiesNamed, parametersNamed } from './method-option.ts'
import { ProgressDisplay } from './progress.ts'
import { recordingTo } from './scenario-recording.ts'
import { bootStage, guestProgram, guestSpec, realPlatformWith, setStage, type Stage } from './stage.ts'
import { formatBytes } from './units.ts'

interface Options {
  readonly guest: string
  readonly uri: string
  readonly maxBandwidth: string
  readonly downtimeLimit: number
  readonly capability: readonly string[]
  readonly parameter: readonly string[]
  readonly pause: boolean
  readonly drive: readonly string[]
  readonly inc: boolean
  readonly zeroBlocks: boolean
  readonly prealloc: boolean
  readonly tls: Option.Option<string>
  readonly verify: boolean
  readonly trace: Option.Option<string>
  readonly json: boolean
}

/** How long the guest runs in its new place before it is looked at. */
const RUN_ON = '300 millis'
/** Time between two looks at a guest that has an end. */
const FINISH_POLL = '100 millis'
/** How often progress is asked for. */
const POLL = '50 millis'

const over = new Set(['completed', 'failed', 'cancelled'])

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const size = (name: string, text: string): Effect.Effect<number, WrongUsage> =>
  Effect.try({
    try: () => parseSize(text),
    catch: (error) =>
      new WrongUsage({ reason: `--${name}: ${error instanceof Error ? error.message : String(error)}` }),
  })

/** A drive with the place that it goes to. */
type MovedDrive = Required<DriveOption>

/** The drives of the options; where they go to is made if it is not there, unless only a layer is to be moved. */
const movedDrives = (options: Options) =>
  Effect.gen(function* () {
    const drives = yield* driveOptions(options.drive)
    const moved = drives.flatMap(({ to, ...drive }) => (to === undefined ? [] : [{ ...drive, to }]))
    if (moved.length < drives.length) return yield* new WrongUsage({ reason: '--drive: expected to=FILE' })
    if (drives.length === 0 && (options.inc || options.zeroBlocks))
      return yield* new WrongUsage({ reason: 'expected --drive beside --inc and --zero-blocks' })
    for (const { image, to } of options.inc ? [] : moved)
      yield* Effect.try({
        try: () => makeIfMissing(to, image),
        catch: (error) => new Failure({ reason: `--drive: ${error instanceof Error ? error.message : String(error)}` }),
      })
    return moved
  })

/** The source's process, as a QMP server in this very process. */
const sourceDuplex = (
  stage: Stage,
  drives: GuestDrives | undefined,
  descriptors: DescriptorTable,
  fence: Effect.Effect<boolean>,
) =>
  Effect.gen(function* () {
    const messages = yield* Queue.unbounded<unknown>()
    const options = drives === undefined ? {} : { drives }
    const migration = yield* makeMigrationProcess({ ...options, guest: stage.guest, descriptors, fence })
    const session = yield* openSession({
      process: migration,
      profile: '2.11',
      send: (message) => Effect.asVoid(Queue.offer(messages, message)),
    })
    const duplex: QmpDuplex = { send: session.receive, messages: Stream.fromQueue(messages) }
    return duplex
  })

/** As `--drive` takes it; a comma in a value is written twice. */
const optionOfDrive = (name: string, { path, format }: DriveOption['image']): string =>
  [`id=${name}`, `file=${path}`, `format=${format}`].map((part) => part.replaceAll(',', ',,')).join(',')

/** The destination: another process of the operating system, talked to over its standard streams. */
const spawnDestination = (options: Options, drives: readonly MovedDrive[]) =>
  Effect.gen(function* () {
    const lines = yield* Queue.unbounded<Uint8Array>()
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const entry = fileURLToPath(new URL(`./main.${extension}`, import.meta.url))
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const args = [
      entry,
      'destination',
      '--guest',
      options.guest,
      ...(options.prealloc ? ['--prealloc'] : []),
      ...drives.flatMap(({ name, to }) => ['--drive', optionOfDrive(name, to)]),
    ]
    const handle = yield* spawner.spawn(
      ChildProcess.make(process.execPath, args, {
        stdin: Stream.fromQueue(lines),
        stderr: 'inherit',
        forceKillAfter: '2 seconds',
      }),
    )
    const duplex: QmpDuplex = {
      send: (message: JsonObject) => Effect.asVoid(Queue.offer(lines, new TextEncoder().encode(encodeLine(message)))),
      messages: handle.stdout.pipe(
        Stream.decodeText(),
        Stream.splitLines,
        Stream.map((line): unknown => JSON.parse(line)),
        Stream.catchCause(() => Stream.empty),
      ),
    }
    return { duplex, handle }
  })

/** Sets one side up: events on, capabilities and parameters as asked for. What it does not have is wrong usage. */
const prepare = (client: QmpClient, capabilities: readonly string[], parameters: JsonObject) =>
  Effect.gen(function* () {
    yield* client.execute('migrate-set-capabilities', capabilitiesNamed(['events', ...capabilities]))
    yield* client.execute('migrate-set-parameters', parameters)
  }).pipe(Effect.mapError(({ message }) => new WrongUsage({ reason: message })))

/** The side's credentials from a directory that has those of both; the destination is on this machine. */
const secure = (client: QmpClient, endpoint: 'client' | 'server', tls: Option.Option<string>) =>
  Option.match(tls, {
    onNone: () => Effect.void,
    onSome: (dir) =>
      Effect.gen(function* () {
        yield* client
          .execute('object-add', { 'qom-type': 'tls-creds-x509', id: 'tls0', props: { dir, endpoint } })
          .pipe(Effect.mapError(({ message }) => new Failure({ reason: `--tls ${dir}: ${message}` })))
        yield* client.execute('migrate-set-parameters', { 'tls-creds': 'tls0', 'tls-hostname': 'localhost' })
      }),
  })

const query = (client: QmpClient) => Effect.map(client.execute('query-migrate'), (answer) => answer as MigrationInfo)

/** Shows progress until the run is over, continuing it if it pauses; an interrupt cancels it and waits for the end. */
const follow = (client: QmpClient) =>
  Effect.gen(function* () {
    const display = new ProgressDisplay()
    for (;;) {
      const info = yield* query(client)
      display.show(info, yield* Clock.currentTimeMillis)
      if (info.status === 'pre-switchover') yield* client.execute('migrate-continue', { state: 'pre-switchover' })
      if (info.status !== undefined && over.has(info.status)) {
        display.end()
        return info
      }
      yield* Effect.sleep(POLL)
    }
  }).pipe(
    Effect.onInterrupt(() =>
      Effect.gen(function* () {
        yield* client.execute('migrate_cancel')
        for (;;) {
          const { status } = yield* query(client)
          if (status === undefined || over.has(status)) return
          yield* Effect.sleep(POLL)
        }
      }).pipe(Effect.ignore),
    ),
  )

/** Both guests' memory after the destination's guest has gone on for a while. */
interface Verification {
  /** The guest's operations: when it was stopped here, and now in its new place. */
  readonly counter: { readonly atStop: number; readonly now: number }
  readonly sha256: { readonly source: string; readonly destination: string; readonly recorded?: string }
  readonly pages: Comparison
  readonly disks: readonly DiskComparison[]
  readonly verified: boolean
}

/**
 * Stops the destination's guest, brings this side's memory to the same point by doing the same operations here (a guest is
 * deterministic), and compares every page and the digests.
 */
const verify = (stage: Stage, drives: readonly MovedDrive[], destination: QmpClient) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: 'switchover-' })
    const state = yield* stage.guest.saveState
    const replica = makeGuest(stage.program, stage.memory)
    replica.loadState(state)
    const atStop = replica.counter
    const { program } = stage
    const last = program.kind === 'image' ? program.recording.steps.length : undefined
    yield* Effect.sleep(RUN_ON)
    let there = yield* askMemory(destination)
    for (const end = last ?? 0; there.counter < end; there = yield* askMemory(destination))
      yield* Effect.sleep(FINISH_POLL)
    yield* destination.execute('stop')
    const file = join(directory, 'destination.ram')
    there = yield* askMemory(destination, file)
    const writes: GuestDiskWrite[] = []
    replica.onOutput = (output) => {
      if (output.kind === 'disk-write') writes.push(output)
    }
    replica.advance(there.counter - atStop)
    // The guest writes to the first.
    const disks = drives.map(({ name, image, to }, index) => compareDisks(name, image, to, index === 0 ? writes : []))
    const pages = compareWithFile(stage.memory, file)
    const here = sha256(stage.memory)
    const recorded = program.kind === 'image' ? program.recording.steps[there.counter - 1]?.sha256After : undefined
    const result: Verification = {
      counter: { atStop, now: there.counter },
      sha256: { source: here, destination: there.sha256, ...(recorded === undefined ? {} : { recorded }) },
      pages,
      disks,
      verified:
        here === there.sha256 &&
        [pages, ...disks].every(({ differing }) => differing === 0) &&
        there.counter >= atStop &&
        (recorded ?? here) === here,
    }
    return result
  }).pipe(Effect.scoped)

const askMemory = (destination: QmpClient, filename?: string) =>
  Effect.map(
    destination.execute('x-switchover-memory', filename === undefined ? {} : { filename }),
    (answer) => answer as { readonly sha256: string; readonly counter: number },
  )

/** Digests are 64 characters: with their names they just fit in 80 columns. */
const digests = (sha256: Verification['sha256']): readonly string[] => {
  const all = Object.entries(sha256)
  const [[, first] = ['', '']] = all
  return all.every(([, digest]) => digest === first)
    ? [`  sha256 both ${first}`]
    : all.map(([of, digest]) => `  ${of.padEnd(12)}${digest}`)
}

const describe = (report: Report): string => {
  const { verification, downtimeLimit, trace, processes } = report
  const { ram, downtime } = report.info
  return [
    `${report.info.status}: source process ${processes.source}, destination process ${processes.destination ?? 'none'}`,
    `  ${ram?.['dirty-sync-count']} passes, ${formatBytes(Number(ram?.transferred ?? 0))} sent, ` +
      `total ${report.info['total-time']} ms, downtime ${downtime} ms (limit ${downtimeLimit} ms)`,
    ...(verification === undefined
      ? []
      : [
          `  guest stopped here after operation ${verification.counter.atStop}, went on there to ${verification.counter.now}`,
          `  ${verification.pages.compared} pages compared, ${verification.pages.differing} differ`,
          ...verification.disks.map(
            ({ name, comparedBytes, differing }) =>
              `  disk ${name}: ${formatBytes(comparedBytes)} compared, ${differing} chunks of 1 MiB differ`,
          ),
          ...digests(verification.sha256),
        ]),
    ...trace.map((file) => `  recorded ${file}`),
  ].join('\n')
}

interface Report {
  readonly info: MigrationInfo
  readonly downtimeLimit: number
  readonly processes: { readonly source: number; readonly destination?: number }
  readonly cpu: { readonly source: number; readonly destination?: number }
  readonly verification?: Verification
  readonly trace: readonly string[]
}

const jsonOf = (report: Report): string => {
  const { info, verification, ...rest } = report
  return JSON.stringify({ ...info, ...rest, ...verification })
}

/** Whether the numbers keep what was promised. */
const reasonToFail = (report: Report): string | undefined => {
  const { info, verification } = report
  if (info.status !== 'completed')
    return `migration ${info.status}${info['error-desc'] ? `: ${info['error-desc']}` : ''}`
  if (verification?.verified === false) return 'memory or disks of the destination differ from the source’s'
  return undefined
}

const run = (options: Options, descriptors: DescriptorTable): Effect.Effect<Report, unknown, RunServices> =>
  Effect.gen(function* () {
    const startedMillis = performance.timeOrigin + performance.now()
    const { files, tap, begin, end } = recordingTo(Option.getOrUndefined(options.trace), startedMillis)
    const spec = yield* guestSpec(options.guest)
    const methods = yield* parametersNamed(options.parameter)
    const parameters = {
      ...methods,
      'max-bandwidth': yield* size('max-bandwidth', options.maxBandwidth),
      'downtime-limit': options.downtimeLimit,
    }
    const isLocal = !/^(exec|fd):/.test(options.uri)
    const drives = yield* movedDrives(options)
    const opened = yield* openDrives(drives, spec, false)
    const other = isLocal ? yield* spawnDestination(options, drives) : undefined
    const stage = yield* setStage(yield* guestProgram(spec, true))
    bootStage(stage)
    begin(stage.memory)
    const dead =
      other === undefined ? Effect.succeed(false) : Effect.map(Effect.orDie(other.handle.isRunning), (alive) => !alive)
    const source = yield* connectClient(yield* sourceDuplex(stage, opened, descriptors, dead), tap('src'))
    const own = [...(options.pause ? ['pause-before-switchover'] : []), ...(options.zeroBlocks ? ['zero-blocks'] : [])]
    yield* prepare(source, [...own, ...options.capability], parameters)
    yield* secure(source, 'client', options.tls)
    let uri = options.uri
    const destination = other === undefined ? undefined : yield* connectClient(other.duplex, tap('dst'))
    if (destination !== undefined) {
      yield* prepare(destination, options.capability, methods)
      yield* secure(destination, 'server', options.tls)
      yield* destination.execute('migrate-incoming', { uri })
      uri = String(yield* destination.execute('x-switchover-address'))
    }
    const cpuBefore = { source: cpuSeconds(), destination: yield* destinationCpu(destination) }
    yield* source.execute('migrate', {
      uri,
      ...(drives.length > 0 ? { blk: true } : {}),
      ...(options.inc ? { inc: true } : {}),
    })
    const info = yield* follow(source)
    yield* end(stage.memory)
    const cpu = {
      source: cpuSeconds() - cpuBefore.source,
      ...(destination === undefined
        ? {}
        : { destination: (yield* destinationCpu(destination)) - cpuBefore.destination }),
    }
    const completed = info.status === 'completed'
    const verification =
      completed && options.verify && destination !== undefined ? yield* verify(stage, drives, destination) : undefined
    if (destination !== undefined) yield* Effect.ignore(destination.execute('quit'))
    return {
      info,
      downtimeLimit: options.downtimeLimit,
      processes: { source: process.pid, ...(other === undefined ? {} : { destination: Number(other.handle.pid) }) },
      cpu,
      ...(verification === undefined ? {} : { verification }),
      trace: files,
    }
  })

const destinationCpu = (client: QmpClient | undefined) =>
  client === undefined
    ? Effect.succeed(0)
    : Effect.map(
        Effect.orElseSucceed(client.execute('x-switchover-cpu'), () => 0),
        Number,
      )

type RunServices =
  | Scope.Scope
  | FileSystem.FileSystem
  | ChildProcessSpawner.ChildProcessSpawner
  | Effect.Services<ReturnType<typeof makeMigrationProcess>>

const report = Effect.fn('migrate')(function* (options: Options) {
  const descriptors = yield* descriptorTable([], options.uri)
  const outcome = yield* run(options, descriptors).pipe(Effect.provide(realPlatformWith({ descriptors })))
  if (options.json) yield* Console.log(jsonOf(outcome))
  else yield* Console.log(describe(outcome))
  const reason = reasonToFail(outcome)
  if (reason !== undefined) return yield* new Failure({ reason })
})

export const migrate = Command.make(
  'migrate',
  {
    guest: Flag.String('guest').pipe(
      Flag.withDescription('write:seed=1,rate=20000,working-set=64M,size=256M,wipe=0 or image:DIR (a recording)'),
      Flag.withDefault('write:'),
    ),
    uri: Flag.String('uri').pipe(
      Flag.withDescription(
        'where the destination listens: tcp:127.0.0.1:0, unix:PATH; or, without one, exec:COMMAND or fd:NUMBER',
      ),
      Flag.withDefault('tcp:127.0.0.1:0'),
    ),
    maxBandwidth: Flag.String('max-bandwidth').pipe(
      Flag.withDescription('bytes a second, with K, M or G; 0: no limit'),
      Flag.withDefault('0'),
    ),
    downtimeLimit: Flag.Int('downtime-limit').pipe(Flag.withDescription('milliseconds'), Flag.withDefault(300)),
    capability: Flag.String('capability').pipe(
      Flag.withDescription('one that is on in both processes: xbzrle, compress, x-multifd ...; may be given again'),
      Flag.atLeast(0),
    ),
    parameter: Flag.String('parameter').pipe(
      Flag.withDescription('NAME=VALUE, in both processes: x-multifd-channels=4 ...; may be given again'),
      Flag.atLeast(0),
    ),
    pause: Flag.Boolean('pause-before-switchover').pipe(
      Flag.withDescription('stop in pre-switchover, and go on by itself'),
      Flag.withDefault(false),
    ),
    drive: Flag.String('drive').pipe(
      Flag.withDescription(
        'a disk that moves along: id=NAME,file=FILE,to=FILE with format= and to-format=, raw (default) or qcow2; may be repeated, the guest writes to the first',
      ),
      Flag.atLeast(0),
    ),
    inc: Flag.Boolean('inc').pipe(
      Flag.withDescription('only what the upper layer of each disk holds; the destination has what it is backed by'),
      Flag.withDefault(false),
    ),
    zeroBlocks: Flag.Boolean('zero-blocks').pipe(
      Flag.withDescription('chunks of a disk that are zero take no room on the channel'),
      Flag.withDefault(false),
    ),
    prealloc: Flag.Boolean('prealloc').pipe(
      Flag.withDescription('give the destination its memory before the migration starts'),
      Flag.withDefault(false),
    ),
    tls: Flag.String('tls').pipe(
      Flag.withDescription(
        'a directory with ca-cert.pem, server-cert.pem and so on: TLS, with a server named localhost',
      ),
      Flag.optional,
    ),
    verify: Flag.Boolean('verify').pipe(
      Flag.withDescription('compare both memories afterwards; --no-verify leaves it out'),
      Flag.withDefault(true),
    ),
    trace: Flag.String('trace').pipe(
      Flag.withDescription(
        'record both QMP sessions as PREFIX.src.jsonl and PREFIX.dst.jsonl, and what became of memory as PREFIX.memory.json',
      ),
      Flag.optional,
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  (options) => report(options).pipe(Effect.scoped),
).pipe(Command.withDescription('Move a guest’s memory between two processes, live, and verify it'))
