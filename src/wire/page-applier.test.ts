/** Page records of every kind end in the same memory, and bad ones in an error with their place. */
import { deflateSync } from 'node:zlib'
import t from 'tap'
import { pageInflater } from './compression.ts'
import { encodeXbzrle, memoryStore, pageApplier, StreamError } from './index.ts'

const PAGE = 4096

const setUp = (withInflate = true) => {
  const memory = [new Uint8Array(2 * PAGE), new Uint8Array(PAGE).fill(9)]
  const applier = pageApplier(memoryStore(memory), (at) => 1000 + at, withInflate ? pageInflater() : undefined)
  return { memory, applier }
}

t.test('a page as it is, as a fill byte, as a delta and deflated', async (t) => {
  const { memory, applier } = setUp()
  const page = Uint8Array.from({ length: PAGE }, (_, index) => (index * 7) % 251)
  const buffer = new Uint8Array(PAGE + 5)
  buffer.set(page, 5)
  applier.page(0, PAGE, buffer, 5)
  t.equal(Buffer.compare(memory[0]!.subarray(PAGE), page), 0)
  t.ok(
    memory[0]!.subarray(0, PAGE).every((byte) => byte === 0),
    'the page before is as it was',
  )
  applier.zeroPage(1, 0, 3)
  t.ok(memory[1]!.every((byte) => byte === 3))

  const after = page.slice()
  after.fill(0xee, 100, 200)
  const delta = new Uint8Array(PAGE)
  const length = encodeXbzrle(page, 0, after, 0, delta, 0)
  applier.xbzrlePage(0, PAGE, delta, 0, length)
  t.equal(Buffer.compare(memory[0]!.subarray(PAGE), after), 0, 'a delta to what is there')

  const deflated = deflateSync(page)
  applier.compressedPage(1, 0, deflated, 0, deflated.length)
  t.equal(Buffer.compare(memory[1]!, page), 0)
})

t.test('what is wrong is told with its place, and the page is as it was', async (t) => {
  const { memory, applier } = setUp()
  const failure = (work: () => void): StreamError => {
    try {
      work()
    } catch (error) {
      if (error instanceof StreamError) return error
      throw error
    }
    throw new Error('accepted')
  }
  const delta = failure(() => applier.xbzrlePage(1, 0, Uint8Array.of(0, 0, 0, 0), 1, 3))
  t.match(delta, { offset: 1001, expected: 'runs that fit into a page', found: 'empty run' })
  const deflated = failure(() => applier.compressedPage(1, 0, Uint8Array.of(1, 2, 3), 0, 3))
  t.match(deflated, { offset: 1000, expected: 'a zlib stream of 4096 bytes' })
  t.ok(memory[1]!.every((byte) => byte === 9))
  const unexpected = failure(() => setUp(false).applier.compressedPage(1, 0, Uint8Array.of(1), 0, 1))
  t.match(unexpected.message, /Received an unexpected compressed page/)
})
