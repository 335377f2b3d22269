/**
 * The XBZRLE encoder in WebAssembly SIMD, where the host has it. Both pages are copied next to each other first, as guest
 * memory is no WebAssembly memory: 4 KiB in 0.1 us each, which the encoder wins back several times. Measured on Node 24, GB/s
 * of pages encoded, beside the scalar encoder of `src/wire`: unchanged 18 (5), one byte changed 7 (5), 32 runs of 8 bytes
 * 6 (2.3), every other byte 0.8 (0.09). `npm run bench -- kernels` prints it.
 *
 * Only the encoder is here. Decoding touches no more bytes than have changed, and the runtime's own comparison of two ranges
 * (`page.ts`) is faster on guest memory than SIMD is behind a copy.
 */
import { copyPageFrom } from './page-copy.ts'
import { PAGE_BYTES } from './ram-block.ts'
import { webAssemblyHost } from './webassembly-host.ts'
import { xbzrleBinary } from './xbzrle-binary.ts'

/** Encodes what changed between two pages, see `encodeXbzrle`. Offsets are bytes, at any alignment, beyond 4 GiB too. */
export type XbzrleEncoder = (
  before: Uint8Array,
  beforeAt: number,
  after: Uint8Array,
  afterAt: number,
  out: Uint8Array,
  outAt: number,
  limit: number,
) => number

const BEFORE = 0
const AFTER = BEFORE + PAGE_BYTES
const OUT = AFTER + PAGE_BYTES

type Encode = (before: number, after: number, out: number, limit: number) => number

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))

/** An encoder with 64 KiB of its own; undefined where the host has no WebAssembly with SIMD. */
export const makeXbzrleEncoder = (): XbzrleEncoder | undefined => {
  const binary = bytesOf(xbzrleBinary)
  // Where SIMD is missing the module is not valid.
  if (webAssemblyHost?.validate(binary) !== true) return undefined
  const memory = new webAssemblyHost.Memory({ initial: 1 })
  const instance = new webAssemblyHost.Instance(new webAssemblyHost.Module(binary), { env: { memory } })
  const { encode } = instance.exports as { readonly encode: Encode }
  const bytes = new Uint8Array(memory.buffer)
  return (before, beforeAt, after, afterAt, out, outAt, limit) => {
    copyPageFrom(before, beforeAt, bytes, BEFORE)
    copyPageFrom(after, afterAt, bytes, AFTER)
    const length = encode(BEFORE, AFTER, OUT, Math.min(limit, PAGE_BYTES))
    if (length > 0) out.set(bytes.subarray(OUT, OUT + length), outAt)
    return length
  }
}
