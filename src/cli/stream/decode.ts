/** Decodes a recording, for whoever wants its summary, its memory, or both. */
import { Effect, type Scope } from 'effect'
import { multifdDecompressor, pageInflater } from '../../wire/compression.ts'
import { MigrationDecoder, pageApplier, StreamSummary, teeSink, type MultifdSink } from '../../wire/index.ts'
import type { Failure } from '../failure.ts'
import type { PageFiles } from './page-files.ts'
import { decodeRecording, openRecording } from './recorded-migration.ts'

/** A recording that has been decoded, as far as it goes. */
export interface Decoded {
  readonly summary: StreamSummary
  readonly decoder: MigrationDecoder
  /** The main file, then the channels. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[]
  /** Bytes behind the end of the stream, which QEMU ignores too. */
  readonly trailingBytes: number
  /** Time that reading and decoding took. */
  readonly millis: number
  /** Why it goes no further; undefined for a whole one. */
  readonly failure: Failure | undefined
}

/** Reads `paths`; pages are put into `memory` if there is one, or else only looked at. */
export const decodeFiles = (
  paths: readonly string[],
  memory?: PageFiles,
): Effect.Effect<Decoded, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const recording = yield* openRecording(paths)
    const summary: StreamSummary = new StreamSummary(() => decoder.main.itemOffset)
    const applied =
      memory === undefined
        ? {}
        : {
            ramBlocks: memory.create.bind(memory),
            ...pageApplier(memory, (at) => decoder.main.offsetOf(at), pageInflater()),
          }
    const decoder: MigrationDecoder = new MigrationDecoder(teeSink(summary.sink, applied), {
      iterables: ['ram', 'block', 'dirty-bitmap'],
      readsAhead: true,
      vmDescription: 'optional',
      method: 'any',
      makeDecompressor: multifdDecompressor,
      channels: recording.channels.map((): MultifdSink => {
        const counted = summary.channel()
        return {
          ...counted,
          page: (block, offset, bytes, at) => {
            counted.page(block, offset, bytes, at)
            memory?.write(block, offset, bytes, at)
          },
        }
      }),
    })
    const started = performance.now()
    const outcome = yield* Effect.result(decodeRecording(recording, decoder))
    memory?.flush()
    return {
      summary,
      decoder,
      files: [recording.main, ...recording.channels].map(({ path, used }) => ({ path, bytes: used })),
      trailingBytes: outcome._tag === 'Success' ? outcome.success.trailingBytes : 0,
      millis: performance.now() - started,
      failure: outcome._tag === 'Failure' ? outcome.failure : undefined,
    }
  })
