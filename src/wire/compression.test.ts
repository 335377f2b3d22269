/** The compressions of the stream, driven synchronously: pages alone, and channels whose context goes on. */
import { deflateSync } from 'node:zlib'
import * as fc from 'fast-check'
import t from 'tap'
import { hasZstd, multifdCompressor, multifdDecompressor, pageDeflater, pageInflater } from './compression.ts'
import { COMPRESSED_BYTES_MAX, type MultifdMethodName } from './index.ts'

/** Pages from the most to the least compressible. */
const page = fc.oneof(
  fc.nat(255).map((value) => new Uint8Array(4096).fill(value)),
  fc.uint8Array({ minLength: 4096, maxLength: 4096 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(4095))
    .map(([bytes, at]) => Uint8Array.from({ length: 4096 }, (_, index) => bytes[(index + at) % bytes.length]!)),
)

t.test('a page comes back, and its zlib stream is one that zlib itself makes', async (t) => {
  const deflate = pageDeflater()
  const inflate = pageInflater()
  fc.assert(
    fc.property(page, fc.nat(100), (content, at) => {
      const bytes = new Uint8Array(at + 4096 + 10)
      bytes.set(content, at)
      const deflated = deflate(bytes, at).slice()
      t.ok(deflated.length <= COMPRESSED_BYTES_MAX)
      t.same(deflated, new Uint8Array(deflateSync(content, { level: 1 })))
      const padded = new Uint8Array(deflated.length + 20)
      padded.set(deflated, 7)
      const back = inflate(padded, 7, deflated.length)
      if (typeof back === 'string') throw new Error(back)
      t.equal(Buffer.compare(back.subarray(0, 4096), content), 0)
    }),
    { numRuns: 60 },
  )
})

t.test('what is no zlib stream of a page is refused, and the next page is none the worse for it', async (t) => {
  const inflate = pageInflater()
  const content = new Uint8Array(4096).fill(5)
  const good = new Uint8Array(deflateSync(content))
  const fault = (bytes: Uint8Array, length = bytes.length): string => {
    const result = inflate(bytes, 0, length)
    const next = inflate(good, 0, good.length)
    t.ok(typeof next !== 'string' && Buffer.compare(next.subarray(0, 4096), content) === 0)
    return typeof result === 'string' ? result : 'a page'
  }
  t.match(fault(new Uint8Array(10)), /unknown compression method/)
  for (let length = 1; length < good.length; length++) t.match(fault(good, length), /unexpected end of file/)
  const changed = good.slice()
  changed[changed.length - 1]! ^= 1
  t.match(fault(changed), /incorrect data check/)
  t.equal(fault(new Uint8Array(deflateSync(new Uint8Array(4095)))), '4095 bytes')
  t.match(fault(new Uint8Array(deflateSync(new Uint8Array(4097)))), /bytes/)
  t.match(fault(new Uint8Array(deflateSync(new Uint8Array(1_000_000)))), /bytes/)
  t.equal(fault(Buffer.concat([good, Uint8Array.of(1, 2)])), '2 bytes behind the end of the zlib stream')
})

const methods: readonly MultifdMethodName[] = ['zlib', 'zstd']

for (const method of methods) {
  const skip = method === 'zstd' && !hasZstd ? `Node ${process.version} has no Zstandard` : false

  t.test(`${method}: packets of one channel come back in order, through one context`, { skip }, async (t) => {
    const packet = fc.array(page, { minLength: 1, maxLength: 12 }).map((pages) => new Uint8Array(Buffer.concat(pages)))
    fc.assert(
      fc.property(fc.array(packet, { minLength: 1, maxLength: 5 }), (packets) => {
        const compressor = multifdCompressor(method)!
        const decompressor = multifdDecompressor(method)!
        const out = new Uint8Array(1_048_576)
        for (const pages of packets) {
          const bytes = out.slice(9, 9 + compressor.compress(pages, out, 9))
          const back = new Uint8Array(pages.length)
          t.equal(decompressor.decompress(bytes, back), undefined)
          t.equal(Buffer.compare(back, pages), 0)
        }
      }),
      { numRuns: 40 },
    )
  })

  t.test(`${method}: the context reaches over packets`, { skip }, async (t) => {
    const compressor = multifdCompressor(method)!
    const out = new Uint8Array(1_048_576)
    const noise = Uint8Array.from({ length: 16_384 }, (_, index) => (index * index * 31 + (index >> 3)) % 251)
    const first = out.slice(0, compressor.compress(noise, out, 0))
    const second = out.slice(0, compressor.compress(noise, out, 0))
    t.ok(second.length < first.length / 4, `${first.length} bytes, then ${second.length}`)
    t.not(
      multifdDecompressor(method)!.decompress(second, new Uint8Array(noise.length)),
      undefined,
      'it needs the first',
    )
  })

  t.test(`${method}: too much, too little and nonsense are refused`, { skip }, async (t) => {
    const pages = Uint8Array.from({ length: 8192 }, (_, index) => (index * 7) % 253)
    const out = new Uint8Array(1_048_576)
    const bytes = out.slice(0, multifdCompressor(method)!.compress(pages, out, 0))
    const fault = (input: Uint8Array, length: number): string | undefined =>
      multifdDecompressor(method)!.decompress(input, new Uint8Array(length))
    t.equal(fault(bytes, 8192), undefined)
    t.match(fault(bytes, 8193), /8192 bytes|end of file/)
    t.match(fault(bytes, 4096), /bytes/)
    t.not(fault(bytes.subarray(0, bytes.length >> 1), 8192), undefined)
    t.not(fault(new Uint8Array(100).fill(0x55), 8192), undefined)
  })
}

t.test('what does not fit into the packet is an error of the writer', async (t) => {
  const noise = Uint8Array.from({ length: 4096 }, (_, index) => (index * index * 31 + (index >> 3)) % 251)
  t.throws(() => multifdCompressor('zlib')!.compress(noise, new Uint8Array(100), 0), RangeError)
  t.equal(multifdCompressor('none'), undefined)
  t.equal(multifdDecompressor('none'), undefined)
})
