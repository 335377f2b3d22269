/**
 * Contents of guest RAM: incompressible bytes picked by a seed, zeros, and the digest that tells whether two RAMs are
 * equal. The bytes are an AES-CTR key stream, which no page compressor gains anything on and which the processor makes
 * faster than a file system takes it.
 */

import { createCipheriv, createHash } from 'node:crypto'
import { open } from 'node:fs/promises'

export const CHUNK_BYTES = 1 << 20

/** `sizeBytes` of incompressible contents, in chunks of at most 1 MiB. */
export function* randomChunks(seed: number, sizeBytes: number): Generator<Uint8Array> {
  const key = createHash('sha256').update(`switchover-bench ${seed}`).digest().subarray(0, 16)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  for (const zeros of zeroChunks(sizeBytes)) yield cipher.update(zeros)
}

/** `sizeBytes` of zeros, in chunks of at most 1 MiB. */
export function* zeroChunks(sizeBytes: number): Generator<Uint8Array> {
  const zeros = new Uint8Array(CHUNK_BYTES)
  for (let left = sizeBytes; left > 0; left -= CHUNK_BYTES) yield zeros.subarray(0, Math.min(left, CHUNK_BYTES))
}

/** Writes the chunks to a new file. */
export const writeContents = async (path: string, chunks: Iterable<Uint8Array>, signal: AbortSignal): Promise<void> => {
  const file = await open(path, 'wx')
  try {
    for (const chunk of chunks) {
      signal.throwIfAborted()
      const { bytesWritten } = await file.write(chunk)
      if (bytesWritten !== chunk.length) throw new Error(`short write to ${path}: is the file system full?`)
    }
  } finally {
    await file.close()
  }
}

/** The SHA-256 of a file, in hexadecimal. */
export const digestOf = async (path: string, signal: AbortSignal): Promise<string> => {
  const hash = createHash('sha256')
  const buffer = new Uint8Array(CHUNK_BYTES)
  const file = await open(path, 'r')
  try {
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead } = await file.read(buffer)
      if (bytesRead === 0) return hash.digest('hex')
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}
