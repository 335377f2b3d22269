/**
 * A recorded migration: one file, or the main channel's and those of multifd, in any order. Which is which, their first
 * bytes tell. Drives a decoder over them, as far as it goes.
 */
import { existsSync } from 'node:fs'
import { Effect, type Scope } from 'effect'
import {
  MULTIFD_MAGIC,
  StreamError,
  type BarrierParty,
  type MigrationDecoder,
  type MultifdSink,
} from '../../wire/index.ts'
import { Failure } from '../failure.ts'
import { RecordedChannel } from './recorded-channel.ts'

export interface RecordedMigration {
  readonly main: RecordedChannel
  readonly channels: readonly RecordedChannel[]
}

const isChannel = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) === MULTIFD_MAGIC

/** `X.main.bin.gz` has its channels beside it, as `X.ch0.bin.gz` and so on. */
const withSiblings = (paths: readonly string[]): readonly string[] => {
  const [main] = paths
  if (paths.length !== 1 || main === undefined || !main.includes('.main.')) return paths
  const found = [main]
  for (let number = 0; ; number++) {
    const path = main.replace('.main.', `.ch${number}.`)
    if (!existsSync(path)) return found
    found.push(path)
  }
}

const failure = (path: string, error: unknown): Failure =>
  new Failure({ reason: `${path}: ${error instanceof Error ? error.message : String(error)}` })

const openChannel = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new RecordedChannel(path)),
    (channel) => Effect.sync(() => channel.close()),
  ).pipe(
    Effect.tap((channel) =>
      Effect.tryPromise({
        // Four bytes tell what it is; a file that ends before is no stream, and whoever decodes it says so.
        try: async () => {
          while (channel.end < 4 && (await channel.fill()));
        },
        catch: (error) => failure(path, error),
      }),
    ),
  )

/** Opens the files of one migration. They are closed with the scope. */
export const openRecording = (paths: readonly string[]): Effect.Effect<RecordedMigration, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const opened = yield* Effect.forEach(withSiblings(paths), openChannel)
    const channels = opened.filter(({ bytes }) => isChannel(bytes))
    const [main, another] = opened.filter(({ bytes }) => !isChannel(bytes))
    if (main === undefined) {
      return yield* new Failure({ reason: `${paths.join(', ')}: channels of multifd without the main stream` })
    }
    if (another !== undefined) {
      const reason = `${another.path}: expected a channel of multifd beside ${main.path}, found a stream of its own`
      return yield* new Failure({ reason })
    }
    return { main, channels }
  })

/** What was left behind the end of a stream. */
export interface Leftover {
  readonly trailingBytes: number
}

interface Party {
  readonly party: BarrierParty
  readonly channel: RecordedChannel
}

/** Feeds one channel as far as it goes; whether anything has changed. */
const advance = async (decoder: MigrationDecoder, { party, channel }: Party): Promise<boolean> => {
  try {
    const used = decoder.feed(party, channel.bytes, channel.start, channel.end)
    channel.use(used)
    if (used > 0) return true
    if (decoder.isHeld(party)) return false
    if (party === 'main' && decoder.main.complete && decoder.colo === undefined) {
      channel.ended = true
      return false
    }
    if (await channel.fill()) return true
    decoder.finish(party, channel.end - channel.start)
    return true
  } catch (error) {
    throw failure(channel.path, error)
  }
}

/** Who waits for a channel that has ended. */
const stuck = (decoder: MigrationDecoder, parties: readonly Party[]): Failure => {
  const held = parties.find(({ party }) => decoder.isHeld(party))
  const missing = parties.find(({ party, channel }) => channel.ended && !decoder.isHeld(party))
  const round = decoder.barrier.round + 1
  return failure(
    missing?.channel.path ?? '?',
    new StreamError(
      missing?.channel.used ?? 0,
      `Channel ended in round ${round}`,
      missing?.party === 'main' ? `EOS of round ${round}` : `a packet with SYNC of round ${round}`,
      `the end, while ${held?.channel.path ?? 'another'} waits`,
    ),
  )
}

/** Reads to the end; how many bytes that was. */
const drain = async (channel: RecordedChannel): Promise<number> => {
  let bytes = 0
  do {
    bytes += channel.end - channel.start
    channel.use(channel.end - channel.start)
  } while (await channel.fill())
  return bytes
}

/** Decodes all there is. Fails where the decoder refuses the bytes, or they end too early. */
export const decodeRecording = (
  recording: RecordedMigration,
  decoder: MigrationDecoder,
): Effect.Effect<Leftover, Failure> =>
  Effect.tryPromise({
    try: async () => {
      const parties: readonly Party[] = [
        { party: 'main', channel: recording.main },
        ...recording.channels.map((channel, party) => ({ party, channel })),
      ]
      for (;;) {
        const running = parties.filter(({ channel }) => !channel.ended)
        if (running.length === 0) break
        let progress = false
        for (const party of running) progress = (await advance(decoder, party)) || progress
        if (!progress && parties.some(({ channel }) => !channel.ended)) throw stuck(decoder, parties)
      }
      return { trailingBytes: await drain(recording.main) }
    },
    catch: (error) => (error instanceof Failure ? error : failure(recording.main.path, error)),
  })

/** Sinks for all channels of a recording. */
export const channelSinks = (
  recording: RecordedMigration,
  make: (index: number) => MultifdSink,
): readonly MultifdSink[] => recording.channels.map((_unused, index) => make(index))
