/** Packets that wait: which may leave when, in which order, and what asks for a checkpoint. */
import * as fc from 'fast-check'
import t from 'tap'
import type { GuestPacket } from '../../memory/index.ts'
import { PacketComparer } from './packet-comparer.ts'
import { encodePacket, encodePackets, PACKET_BYTES_MAX, PacketFrameError, PacketReader } from './packet-frame.ts'

const packet = (number: number, content = number): GuestPacket => ({
  kind: 'packet',
  number,
  bytes: Uint8Array.of(content),
})
const other = (number: number, content = number, epoch = 0) => ({ epoch, packet: packet(number, content) })
const numbers = (packets: readonly GuestPacket[]): readonly number[] => packets.map(({ number }) => number)

t.test('a packet leaves when its like is here, whoever comes first, in order', async (t) => {
  const comparer = new PacketComparer()
  t.strictSame(numbers(comparer.add(packet(0), 0)), [])
  t.strictSame(numbers(comparer.addOther(other(0))), [0])
  comparer.addOther(other(2))
  t.strictSame(numbers(comparer.add(packet(1), 0)), [])
  t.strictSame(numbers(comparer.add(packet(2), 0)), [], 'behind one that waits')
  t.strictSame(numbers(comparer.addOther(other(1))), [1, 2])
  t.notOk(comparer.asks(0))
})

t.test('one that differs asks for a checkpoint, once; it leaves when that is in use', async (t) => {
  const comparer = new PacketComparer()
  comparer.add(packet(0, 1), 0)
  comparer.addOther(other(0, 2))
  t.ok(comparer.asks(0))
  t.notOk(comparer.asks(0))
  comparer.cover()
  comparer.add(packet(1), 0)
  t.strictSame(numbers(comparer.begin()), [0], 'what came later is not covered')
  t.strictSame(numbers(comparer.addOther(other(1, 1, 0))), [], 'of the epoch before: not its like')
  t.strictSame(numbers(comparer.addOther(other(1, 1, 1))), [1])
  comparer.add(packet(2, 1), 0)
  comparer.addOther(other(2, 2, 1))
  t.ok(comparer.asks(0), 'and it can ask again')
})

t.test('the secondary may be an epoch ahead of what it has said', async (t) => {
  const comparer = new PacketComparer()
  comparer.add(packet(0), 0)
  comparer.cover()
  t.strictSame(numbers(comparer.addOther(other(1, 1, 1))), [])
  t.strictSame(numbers(comparer.begin()), [0])
  t.strictSame(numbers(comparer.add(packet(1), 0)), [1])
})

t.test('one that waits too long asks, on the clock of whoever looks', async (t) => {
  const comparer = new PacketComparer({ patienceMillis: 100 })
  comparer.add(packet(0), 1000)
  t.equal(comparer.overdueMillis, 1100)
  t.notOk(comparer.asks(1099))
  t.ok(comparer.asks(1100))
  t.equal(comparer.overdueMillis, undefined)
})

t.test('too many ask, on either side', async (t) => {
  for (const fill of [
    (comparer: PacketComparer, number: number) => comparer.add(packet(number), 0),
    (comparer: PacketComparer, number: number) => comparer.addOther(other(number)),
  ]) {
    const comparer = new PacketComparer({ packetsMax: 4 })
    for (let number = 0; number < 3; number++) fill(comparer, number)
    t.notOk(comparer.asks(0))
    fill(comparer, 3)
    t.ok(comparer.asks(0))
  }
})

t.test('whatever comes when: nothing leaves twice, too early or out of order, and nothing is lost', async (t) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('own' as const), odd: fc.boolean() }) },
    { weight: 4, arbitrary: fc.constant({ do: 'other' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'checkpoint' as const }) },
  )
  fc.assert(
    fc.property(fc.array(step, { size: 'large' }), (steps) => {
      const comparer = new PacketComparer()
      const [left, agreed] = [[] as number[], new Set<number>()]
      const odd = new Set<number>()
      let [own, others, epoch, covered] = [0, 0, 0, -1]
      const leave = (packets: readonly GuestPacket[]): void => {
        for (const { number } of packets) {
          if (number !== left.length) throw new Error(`${number} leaves behind ${left.length - 1}`)
          if (number > covered && (!agreed.has(number) || odd.has(number)))
            throw new Error(`${number} leaves too early`)
          left.push(number)
        }
      }
      for (const each of steps)
        if (each.do === 'own') {
          if (each.odd) odd.add(own)
          leave(comparer.add(packet(own, each.odd ? 255 : 1), 0))
          own++
        } else if (each.do === 'other') {
          agreed.add(others)
          leave(comparer.addOther(other(others, 1, epoch)))
          others++
        } else {
          comparer.cover()
          covered = own - 1
          epoch++
          // The secondary goes on from where the primary is.
          for (let number = own; number < others; number++) agreed.delete(number)
          others = own
          leave(comparer.begin())
        }
      covered = own
      leave(comparer.takeAll())
      return left.length === own
    }),
    { numRuns: 300 },
  )
  t.pass()
})

t.test('frames: the same however they are cut, and nothing else', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ epoch: fc.nat(), number: fc.nat(), bytes: fc.uint8Array({ maxLength: 80 }) })),
      fc.array(fc.nat(400)),
      (list, cuts) => {
        const frames = list.map(({ epoch, number, bytes }) => ({
          epoch,
          packet: { kind: 'packet' as const, number, bytes },
        }))
        const all = new Uint8Array(Buffer.concat(frames.map(encodePacket)))
        const reader = new PacketReader()
        const ends = [...new Set([...cuts.map((cut) => Math.min(cut, all.length)), all.length])].sort((a, b) => a - b)
        let from = 0
        const read = ends.flatMap((end) => {
          const piece = all.subarray(from, end)
          from = end
          return reader.feed(piece)
        })
        t.strictSame(read, frames)
        t.equal(reader.held, 0)
      },
    ),
    { numRuns: 50 },
  )
  const long = encodePackets([{ kind: 'packet', number: 0, bytes: new Uint8Array(PACKET_BYTES_MAX + 1) }])
  t.throws(() => new PacketReader().feed(long), PacketFrameError)
  t.throws(() => new PacketReader().feed(new Uint8Array(16).fill(255)), PacketFrameError)
})
