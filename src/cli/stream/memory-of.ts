/** The memory of a recorded migration, in files: what verify and extract have in common. */
import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { Effect, type Scope } from 'effect'
import type { RamBlock } from '../../wire/index.ts'
import { Failure } from '../failure.ts'
import { decodeFiles } from './decode.ts'
import { PageFiles } from './page-files.ts'

export interface MemoryOf {
  readonly files: readonly { readonly block: RamBlock; readonly path: string }[]
  readonly trailingBytes: number
}

/**
 * Decodes `paths` into files in `directory`, one a block. Fails if the recording is not whole, with what was decoded up to
 * there in the files.
 */
export const memoryOf = (
  paths: readonly string[],
  directory: string,
  wanted?: (block: RamBlock) => boolean,
): Effect.Effect<MemoryOf, Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const memory = yield* Effect.acquireRelease(
      Effect.sync(() => new PageFiles(directory, wanted)),
      (files) => Effect.sync(() => files.close()),
    )
    const { failure, trailingBytes } = yield* decodeFiles(paths, memory)
    if (failure !== undefined) return yield* failure
    return { files: memory.files, trailingBytes }
  })

/** Bytes of a file that are looked at together. */
export const READ_BYTES = 1024 * 1024

/** Reads up to `count` bytes at `position`; fewer only at the end of the file. */
export const readFully = (file: number, into: Uint8Array, count: number, position: number): number => {
  let held = 0
  for (let read = -1; held < count && read !== 0; held += read) {
    read = readSync(file, into, held, count - held, position + held)
  }
  return held
}

/** Reads a file from end to end, in pieces of 1 MiB; `at` is where each begins. */
export const readFile = (path: string, take: (bytes: Uint8Array, at: number) => void): void => {
  const file = openSync(path, 'r')
  const buffer = new Uint8Array(READ_BYTES)
  try {
    for (let at = 0; ; at += READ_BYTES) {
      const count = readFully(file, buffer, READ_BYTES, at)
      if (count > 0) take(buffer.subarray(0, count), at)
      if (count < READ_BYTES) return
    }
  } finally {
    closeSync(file)
  }
}

/** SHA-256 of a file, 64 lower-case hex digits. */
export const sha256Of = (path: string): string => {
  const hash = createHash('sha256')
  readFile(path, (bytes) => void hash.update(bytes))
  return hash.digest('hex')
}
