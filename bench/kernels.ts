/**
 * The page kernels, each as the library has it and in the ways that were passed over, on memory that has been touched. Of
 * the rows with the same first word the first is the one in use.
 */

import { fileURLToPath } from 'node:url'
import { compileAssembly } from '../src/memory/assembly/build.ts'
import { copyPageFrom, copyPageInto, PAGE_BYTES, pagesEqual, zeroTester } from '../src/memory/index.ts'
import { webAssemblyHost } from '../src/memory/webassembly-host.ts'
import { makeXbzrleEncoder, type XbzrleEncoder } from '../src/memory/xbzrle-kernel.ts'
import { decodeXbzrle, encodeXbzrleByLoop } from '../src/wire/xbzrle.ts'
import type { Benchmark } from './benchmark.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'

/** What a WebAssembly memory of one kernel may take, beside guest memory of the same size. */
const SIZE_LIMIT_BYTES = 2 ** 30
/** Passes of a run, of which the fastest counts: in the others somebody else had the processor. */
const PASSES = 5
const ASSEMBLY = fileURLToPath(new URL('assembly', import.meta.url))

/** Does its work on the page at an offset; gives whether the result is right. */
type Kernel = (offset: number) => boolean

const eachPage = (sizeBytes: number, kernel: Kernel): boolean => {
  let good = 0
  for (let offset = 0; offset < sizeBytes; offset += PAGE_BYTES) if (kernel(offset)) good++
  return good === sizeBytes / PAGE_BYTES
}

const contender = (name: string, prepare: (sizeBytes: number) => Kernel | Promise<Kernel>): Contender => ({
  name,
  available: async ({ sizeBytes }) =>
    sizeBytes <= SIZE_LIMIT_BYTES ? undefined : `kernels are measured on at most ${SIZE_LIMIT_BYTES} bytes`,
  run: async ({ sizeBytes }: RunOptions): Promise<Figure> => {
    const kernel = await prepare(sizeBytes)
    // Once for nothing: its memory is touched then, and its code is compiled.
    eachPage(sizeBytes, kernel)
    let totalMillis = Infinity
    let verified = true
    const cpuBefore = process.cpuUsage()
    for (let pass = 0; pass < PASSES; pass++) {
      const started = performance.now()
      verified = eachPage(sizeBytes, kernel) && verified
      totalMillis = Math.min(totalMillis, performance.now() - started)
    }
    const { user, system } = process.cpuUsage(cpuBefore)
    const cpuSeconds = (user + system) / 1e6 / PASSES
    return { totalMillis, cpuSeconds, bytes: sizeBytes, verified }
  },
})

/** Guest memory that has been touched. */
const guest = (sizeBytes: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(sizeBytes)).fill(0)

/** The functions of `assembly/page.ts` over a memory of their own. */
const simd = async (sizeBytes: number) => {
  if (webAssemblyHost === undefined) throw new Error('no WebAssembly here')
  const memory = new webAssemblyHost.Memory({ initial: Math.ceil(sizeBytes / 65536) })
  const module = new webAssemblyHost.Module(await compileAssembly(ASSEMBLY, 'page.ts'))
  const { exports } = new webAssemblyHost.Instance(module, { env: { memory } })
  const { isZero, equal } = exports as {
    readonly isZero: (at: number) => number
    readonly equal: (a: number, b: number) => number
  }
  return { bytes: new Uint8Array(memory.buffer).fill(0), isZero, equal }
}

const isZeroByLoop = (words: Int32Array, offset: number): boolean => {
  const end = (offset + PAGE_BYTES) / 4
  for (let word = offset / 4; word < end; word++) if (words[word] !== 0) return false
  return true
}

const zeroTests: readonly Contender[] = [
  contender('zero: compare', (sizeBytes) => zeroTester(guest(sizeBytes))),
  contender('zero: 32-bit loop', (sizeBytes) => {
    const words = new Int32Array(guest(sizeBytes).buffer)
    return (offset) => isZeroByLoop(words, offset)
  }),
  contender('zero: copy, SIMD', async (sizeBytes) => {
    const memory = guest(sizeBytes)
    const { bytes, isZero } = await simd(PAGE_BYTES)
    return (offset) => {
      copyPageFrom(memory, offset, bytes, 0)
      return isZero(0) === 1
    }
  }),
  contender('zero: SIMD in place', async (sizeBytes) => {
    const { isZero } = await simd(sizeBytes)
    return (offset) => isZero(offset) === 1
  }),
]

const comparisons: readonly Contender[] = [
  contender('equal: compare', (sizeBytes) => {
    const [a, b] = [guest(sizeBytes), guest(sizeBytes)]
    return (offset) => pagesEqual(a, offset, b, offset)
  }),
  contender('equal: copies, SIMD', async (sizeBytes) => {
    const [a, b] = [guest(sizeBytes), guest(sizeBytes)]
    const { bytes, equal } = await simd(2 * PAGE_BYTES)
    return (offset) => {
      copyPageFrom(a, offset, bytes, 0)
      copyPageFrom(b, offset, bytes, PAGE_BYTES)
      return equal(0, PAGE_BYTES) === 1
    }
  }),
  contender('equal: SIMD in place', async (sizeBytes) => {
    const { equal } = await simd(2 * sizeBytes)
    return (offset) => equal(offset, sizeBytes + offset) === 1
  }),
]

/** Large enough for a batch of pages, small enough for the cache. */
const BUFFER_BYTES = 256 * 1024

const copies: readonly Contender[] = (
  [
    ['copy out: copy', (memory, offset, buffer, at) => copyPageFrom(memory, offset, buffer, at)],
    ['copy out: set', (memory, offset, buffer, at) => buffer.set(memory.subarray(offset, offset + PAGE_BYTES), at)],
    ['copy in: set', (memory, offset, buffer, at) => copyPageInto(memory, offset, buffer, at)],
    ['copy in: copy', (memory, offset, buffer, at) => buffer.copy(memory, offset, at, at + PAGE_BYTES)],
  ] satisfies [string, (memory: Uint8Array, offset: number, buffer: Buffer, at: number) => void][]
).map(([name, copy]) =>
  contender(name, (sizeBytes) => {
    const memory = guest(sizeBytes)
    const buffer = Buffer.from(new ArrayBuffer(BUFFER_BYTES))
    return (offset) => {
      const at = offset % BUFFER_BYTES
      copy(memory, offset, buffer, at)
      return memory[offset] === buffer[at]
    }
  }),
)

/** How a page has changed: so many runs of so many bytes, evenly spread. */
const changes = [
  { name: 'unchanged', runs: 0, length: 0 },
  { name: '1 byte', runs: 1, length: 1 },
  { name: '32 x 8 bytes', runs: 32, length: 8 },
  { name: 'every other byte', runs: 2048, length: 1 },
] as const

const pagesOf = ({ runs, length }: (typeof changes)[number]) => {
  const before = new Uint8Array(PAGE_BYTES)
  const after = new Uint8Array(PAGE_BYTES)
  for (let run = 0; run < runs; run++) {
    const at = run * (PAGE_BYTES / runs)
    after.fill(7, at, at + length)
  }
  const body = new Uint8Array(PAGE_BYTES)
  return { before, after, body, bodyBytes: encodeXbzrleByLoop(before, 0, after, 0, body, 0, PAGE_BYTES) }
}

const filled = (sizeBytes: number, page: Uint8Array): Uint8Array => {
  const memory = guest(sizeBytes)
  for (let offset = 0; offset < sizeBytes; offset += PAGE_BYTES) copyPageInto(memory, offset, page, 0)
  return memory
}

const encoder = (name: string, change: (typeof changes)[number], make: () => XbzrleEncoder | undefined): Contender =>
  contender(`${name}: ${change.name}`, (sizeBytes) => {
    const encode = make()
    if (encode === undefined) throw new Error('this Node has no WebAssembly with SIMD')
    const pages = pagesOf(change)
    const [before, after] = [filled(sizeBytes, pages.before), filled(sizeBytes, pages.after)]
    const out = new Uint8Array(PAGE_BYTES)
    return (offset) => encode(before, offset, after, offset, out, 0, PAGE_BYTES) === pages.bodyBytes
  })

const xbzrle: readonly Contender[] = changes.flatMap((change) => [
  encoder('xbzrle SIMD', change, makeXbzrleEncoder),
  encoder('xbzrle loop', change, () => encodeXbzrleByLoop),
])

const decoding = contender('xbzrle decode: 32 x 8 bytes', (sizeBytes) => {
  const { body, bodyBytes } = pagesOf(changes[2])
  const memory = guest(sizeBytes)
  return (offset) => decodeXbzrle(body, 0, bodyBytes, memory, offset) === undefined
})

export const kernels: Benchmark = {
  name: 'kernels',
  summary: 'page kernels, GB/s of pages: zero test, comparison, copies, XBZRLE',
  size: '64M',
  contenders: [...zeroTests, ...comparisons, ...copies, ...xbzrle, decoding],
}
