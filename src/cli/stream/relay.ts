/**
 * `switchover stream relay`: stands between two live QEMUs. What one sends is decoded and checked before the other gets it;
 * the rate is limited, the outer leg can be TLS, the stream is recorded, and the charts judge what passed.
 */
import { Console, Effect, Option } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { nodeTransport } from '../../channel/node-transport.ts'
import { loadTlsCredentials } from '../../channel/tls-credentials.ts'
import { parseSize } from '../../memory/index.ts'
import { relayMigration, type RelayOptions, type RelayReport } from '../../transfer/qemu/relay.ts'
import { parseUri } from '../../core/index.ts'
import { Failure, WrongUsage } from '../failure.ts'
import { formatBytes } from '../units.ts'
import { RecordingFiles } from './recording-files.ts'

interface Options {
  readonly listen: string
  readonly connect: string
  readonly maxBandwidth: string
  readonly reencode: boolean
  readonly record: Option.Option<string>
  readonly tlsCreds: Option.Option<string>
  readonly tlsHostname: Option.Option<string>
  readonly listenTlsCreds: Option.Option<string>
  readonly json: boolean
}

const PROGRESS_MILLIS = 1000

const attempt = <A>(option: string, work: () => A) =>
  Effect.try({
    try: work,
    catch: (error) =>
      new WrongUsage({ reason: `--${option}: ${error instanceof Error ? error.message : String(error)}` }),
  })

const credentials = (option: string, dir: string, endpoint: 'client' | 'server') =>
  attempt(option, () => loadTlsCredentials({ dir, endpoint, verifyPeer: true, sanityCheck: true }))

/** The host that a certificate has to be for, unless another is named. */
const hostOf = (uri: string): string => {
  const address = parseUri(uri)
  return address?.transport === 'tcp' ? address.host : ''
}

const tlsOptions = (options: Options) =>
  Effect.gen(function* () {
    const dir = Option.getOrUndefined(options.tlsCreds)
    const listenDir = Option.getOrUndefined(options.listenTlsCreds)
    const hostname = Option.getOrElse(options.tlsHostname, () => hostOf(options.connect))
    const tls: Pick<RelayOptions, 'connectTls' | 'listenTls'> = {
      ...(dir === undefined
        ? {}
        : { connectTls: { credentials: yield* credentials('tls-creds', dir, 'client'), hostname } }),
      ...(listenDir === undefined
        ? {}
        : { listenTls: { credentials: yield* credentials('listen-tls-creds', listenDir, 'server') } }),
    }
    return tls
  })

/** A line a second while something passes. */
const progressLines = (startedMillis: number) => {
  let shownMillis = startedMillis
  let shownBytes = 0
  return (bytes: number): void => {
    const now = performance.now()
    if (now - shownMillis < PROGRESS_MILLIS || bytes === shownBytes) return
    const rate = ((bytes - shownBytes) / (now - shownMillis)) * 1000
    console.error(`passed on ${formatBytes(bytes)}, ${formatBytes(rate)}/s`)
    shownMillis = now
    shownBytes = bytes
  }
}

const describe = ({ end, bytes, millis, channels, verdict }: RelayReport): string =>
  [
    `${end === 'taken' ? 'the destination has taken the guest' : end === 'refused' ? 'the destination refused the guest' : 'all passed on; nobody was to answer'}`,
    `  ${formatBytes(bytes)} in ${millis} ms, ${formatBytes((bytes / millis) * 1000)}/s, ${channels} channels beside the main one`,
    `  charts: ${verdict.verdict}; source ${verdict.source}, destination ${verdict.destination}`,
    ...verdict.violations.map(
      ({ side, what, state, offset }) => `  ${side}: ${what} is not taken in ${state} (at byte ${offset})`,
    ),
  ].join('\n')

const reasonToFail = ({ end, verdict }: RelayReport): string | undefined => {
  if (end === 'refused') return 'the destination refused the guest'
  return verdict.verdict === 'violates' ? 'the charts do not allow what passed' : undefined
}

const run = Effect.fn('stream.relay')(function* (options: Options) {
  const { listen, connect, reencode, json } = options
  for (const [name, uri] of Object.entries({ listen, connect }))
    if (parseUri(uri) === undefined)
      return yield* new WrongUsage({ reason: `${name}: expected tcp:HOST:PORT or unix:PATH, found '${uri}'` })
  const maxBandwidth = yield* attempt('max-bandwidth', () => parseSize(options.maxBandwidth))
  const tls = yield* tlsOptions(options)
  const recording = Option.getOrUndefined(Option.map(options.record, (prefix) => new RecordingFiles(prefix, 0)))
  yield* Effect.addFinalizer(() => Effect.sync(() => recording?.close()))
  const report = yield* relayMigration({
    listen,
    connect,
    maxBandwidth,
    reencode,
    ...tls,
    listening: (uri) => Console.error(`switchover: waiting for a migration on ${uri}`),
    progress: progressLines(performance.now()),
    ...(recording === undefined ? {} : { tap: (bytes) => recording.write('main', bytes) }),
  }).pipe(
    Effect.provide(nodeTransport),
    Effect.mapError(({ reason }) => new Failure({ reason })),
  )
  yield* Console.log(json ? JSON.stringify(report) : describe(report))
  const reason = reasonToFail(report)
  if (reason !== undefined) return yield* new Failure({ reason })
})

export const relay = Command.make(
  'relay',
  {
    listen: Argument.String('listen').pipe(
      Argument.withDescription('where the source will connect: tcp:HOST:PORT, unix:PATH'),
    ),
    connect: Argument.String('connect').pipe(Argument.withDescription('where the destination waits')),
    maxBandwidth: Flag.String('max-bandwidth').pipe(
      Flag.withDescription('bytes a second towards the destination; 0: no limit'),
      Flag.withDefault('0'),
    ),
    reencode: Flag.Boolean('reencode').pipe(
      Flag.withDescription('write the stream anew instead of passing on its bytes'),
      Flag.withDefault(false),
    ),
    record: Flag.String('record').pipe(
      Flag.withDescription('keep the source’s main stream as PREFIX.bin'),
      Flag.optional,
    ),
    tlsCreds: Flag.String('tls-creds').pipe(
      Flag.withDescription('TLS towards the destination, with the credentials in this directory'),
      Flag.optional,
    ),
    tlsHostname: Flag.String('tls-hostname').pipe(
      Flag.withDescription('whom the destination’s certificate has to be for'),
      Flag.optional,
    ),
    listenTlsCreds: Flag.String('listen-tls-creds').pipe(
      Flag.withDescription('TLS towards the source, with the credentials in this directory'),
      Flag.optional,
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  (options) => Effect.scoped(run(options)),
).pipe(Command.withDescription('Stand between two live QEMUs: check, limit, record and judge a migration on its way'))
