/** What guests send: the same from every copy, whatever the batches, until a copy reads a clock of its own. */
import t from 'tap'
import {
  GuestMemory,
  GuestOptionError,
  parseGuestSpec,
  formatGuestSpec,
  WritingGuest,
  type GuestOutput,
  type GuestOutputOptions,
} from './index.ts'

const BYTES = 64 * 4096

const made = (output: GuestOutputOptions) => {
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength: BYTES }])
  memory.fill(3)
  const guest = new WritingGuest({ seed: 3, pagesPerSecond: 1000, workingSetBytes: BYTES, memory, output })
  const sent: GuestOutput[] = []
  guest.onOutput = (each) => {
    sent.push(each)
  }
  return { guest, memory, sent }
}

const sends = { packetsPerSecond: 300, diskWritesPerSecond: 100, diskBytes: 1024 * 512 }

t.test('so many a second, numbered without a gap', async (t) => {
  const { guest, sent } = made(sends)
  guest.advance(1000)
  const packets = sent.filter((each) => each.kind === 'packet')
  t.strictSame(
    packets.map(({ number }) => number),
    Array.from({ length: 300 }, (_, number) => number),
  )
  t.equal(sent.length - packets.length, 100)
  for (const each of sent) if (each.kind === 'disk-write') t.equal(each.byteOffset % 512, 0)
})

t.test('a copy sends the same, in batches of any size, from any point on', async (t) => {
  const [first, second] = [made(sends), made(sends)]
  first.guest.advance(777)
  for (const count of [1, 0, 300, 2]) second.guest.advance(count)
  second.memory.blocks[0]!.bytes.set(first.memory.blocks[0]!.bytes)
  second.guest.loadState(first.guest.saveState())
  const before = first.sent.length
  second.sent.length = 0
  first.guest.advance(223)
  for (let done = 0; done < 223; done++) second.guest.advance(1)
  t.strictSame(second.sent, first.sent.slice(before))
})

t.test('a page that is not what it was shows in a packet', async (t) => {
  const [first, second] = [made(sends), made(sends)]
  for (let page = 1; page < 64; page++) second.memory.writeUint32(0, page * 4096 + 8, 1)
  first.guest.advance(1000)
  second.guest.advance(1000)
  t.notSame(second.sent, first.sent)
})

t.test('a clock makes of one guest two', async (t) => {
  const noisy = (readClock: () => number) => made({ packetsPerSecond: 300, noiseEvery: 10, readClock })
  const [first, second] = [noisy(() => 1), noisy(() => 2)]
  first.guest.advance(1000)
  second.guest.advance(1000)
  const differing = first.sent.findIndex((each, index) => String(each.bytes) !== String(second.sent[index]?.bytes))
  t.equal(differing, 9)
})

t.test('what cannot be is refused', async (t) => {
  for (const output of [
    { packetsPerSecond: 1001 },
    { packetsPerSecond: -1 },
    { packetsPerSecond: 1, noiseEvery: 5 },
    { diskWritesPerSecond: 1 },
    { diskWritesPerSecond: 1, diskBytes: 500 },
  ])
    t.throws(() => made(output), GuestOptionError, JSON.stringify(output))
})

t.test('the guest option has it too', async (t) => {
  const text = 'write:seed=1,rate=1000,working-set=1M,size=4M,packets=200,noise=9,disk=1M,disk-rate=10'
  const spec = parseGuestSpec(text)
  t.match(spec, { packetsPerSecond: 200, noiseEvery: 9, diskBytes: 2 ** 20, diskWritesPerSecond: 10 })
  t.equal(formatGuestSpec(spec), text)
})
