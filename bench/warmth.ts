/**
 * Warm memory. A virtual machine may hand its free pages back to its host within seconds, and the first touch of a
 * page that has gone costs up to ten times as much as any later one; a run that takes such pages measures the host.
 * So before each run a process of its own touches and frees somewhat more memory than the run is going to take.
 *
 * As a program: `node bench/warmth.ts BYTES`.
 */

import { fileURLToPath } from 'node:url'
import { Child } from './child.ts'

const SLICE_BYTES = 256 << 20

/** 1.3 x RAM + 0.3 GiB. */
const warmBytes = (sizeBytes: number): number => Math.ceil(1.3 * sizeBytes + 0.3 * 2 ** 30)

/** Touches and frees the memory that a run with so much guest RAM takes. */
export const warm = async (sizeBytes: number, signal: AbortSignal): Promise<void> => {
  const program = fileURLToPath(import.meta.url)
  const child = new Child('warmth', process.execPath, [program, String(warmBytes(sizeBytes))], signal)
  try {
    if ((await child.exit()) !== 0) throw child.failure('could not touch the memory for the run')
  } finally {
    await child.stop()
  }
}

const touch = (bytes: number): void => {
  // Slices stay referenced to the end: memory that is freed and taken again would be touched twice and the rest never.
  const slices: Buffer[] = []
  for (let left = bytes; left > 0; left -= SLICE_BYTES) slices.push(Buffer.alloc(Math.min(left, SLICE_BYTES), 1))
  if (slices.some((slice) => slice[0] !== 1)) throw new Error('memory does not keep what was written to it')
}

if (import.meta.main) touch(Number(process.argv[2]))
