/** Sizes as a command line writes them: bytes, or a number with K, M, G or T, powers of 1024 as in QEMU. */
import { SizeError } from './memory-error.ts'

const UNITS = ['', 'K', 'M', 'G', 'T'] as const

/**
 * `4096`, `64K`, `1.5G`, `256m` in bytes.
 * @throws SizeError unless it is a number >= 0, plain or with a suffix, that makes whole bytes below 2^53.
 */
export function parseSize(text: string): number {
  const match = /^(?<digits>\d+(?:\.\d+)?)(?<unit>[KMGT]?)$/i.exec(text)
  const unit = UNITS.findIndex((candidate) => candidate === match?.groups?.unit?.toUpperCase())
  const bytes = match === null ? Number.NaN : Number(match.groups?.digits) * 1024 ** unit
  if (Number.isSafeInteger(bytes)) return bytes
  throw new SizeError('size', 'whole bytes such as 4096, 64K, 256M or 1.5G', JSON.stringify(text))
}

/** The shortest exact form, which `parseSize` reads back: `4096` bytes as `4K`, `4097` as `4097`. */
export function formatSize(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value !== 0 && value % 1024 === 0 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${value}${UNITS[unit]}`
}
