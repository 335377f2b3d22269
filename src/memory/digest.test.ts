import { createHash } from 'node:crypto'
import t from 'tap'
import { differingPages } from './difference.ts'
import { sha256 } from './digest.ts'
import { GuestMemory } from './guest-memory.ts'

const shapes = [
  { name: 'ram', usedLength: 600 * 4096 },
  { name: 'vram', usedLength: 3 * 4096 },
]

t.test('the digest is of all blocks in order', async (t) => {
  const memory = GuestMemory.allocate(shapes)
  memory.fill(1)
  const expected = createHash('sha256')
  for (const block of memory.blocks) expected.update(Uint8Array.from(block.bytes))
  t.equal(sha256(memory), expected.digest('hex'))
  const before = sha256(memory)
  memory.blocks[1]!.bytes[3 * 4096 - 1]! ^= 1
  t.not(sha256(memory), before)
})

t.test('the digest covers what lies past one call and is that of known zeroes', async (t) => {
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength: 96 * 2 ** 20 }])
  const expected = createHash('sha256')
    .update(new Uint8Array(96 * 2 ** 20))
    .digest('hex')
  t.equal(sha256(memory), expected)
})

t.test('the difference counts all pages and names the first', async (t) => {
  const [a, b] = [GuestMemory.allocate(shapes), GuestMemory.allocate(shapes)]
  a.fill(1)
  b.fill(1)
  t.same(differingPages(a, b), { count: 0, pages: [] })
  for (const [block, offset] of [
    [0, 0],
    [0, 256 * 4096 - 1],
    [0, 256 * 4096],
    [0, 599 * 4096 + 7],
    [1, 3 * 4096 - 1],
  ] as const)
    a.blocks[block]!.bytes[offset]! ^= 0x80
  t.same(differingPages(a, b), {
    count: 5,
    pages: [
      { block: 0, page: 0 },
      { block: 0, page: 255 },
      { block: 0, page: 256 },
      { block: 0, page: 599 },
      { block: 1, page: 2 },
    ],
  })
  t.same(differingPages(a, b, 1), { count: 5, pages: [{ block: 0, page: 0 }] })
})

t.test('memories of different shape are not compared', async (t) => {
  const other = GuestMemory.allocate([{ name: 'ram', usedLength: 4096 }])
  t.throws(() => differingPages(GuestMemory.allocate(shapes), other), {
    name: 'MemoryShapeError',
    found: 'ram=4096',
  })
})
