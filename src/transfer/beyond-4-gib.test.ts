/** Both engines on a guest of 4.5 GiB: no page above the 4 GiB line lands below it, and none is lost. */
import t from 'tap'
import type { ByteLink } from '../channel/byte-link.ts'
import { GuestMemory } from '../memory/index.ts'
import { globalState, guestState } from './dialect.ts'
import { IncomingEngine } from './incoming-engine.ts'
import type { IncomingReport, OutgoingReport } from './order.ts'
import { OutgoingEngine } from './outgoing-engine.ts'
import { setupOrder } from './testing/transfer-order.ts'

const GIB = 2 ** 30

/** Two links, each end's writes being the other's reads; as much as is written is held until it is read. */
const pipe = (): readonly [ByteLink, ByteLink] => {
  const end = (inbox: Uint8Array[], outbox: Uint8Array[]): ByteLink => ({
    writev: (views) => {
      let count = 0
      for (const view of views) {
        outbox.push(view.slice())
        count += view.length
      }
      return count
    },
    read: (buffer, start, stop) => {
      const next = inbox.shift()
      if (next === undefined) return 0
      const taken = next.subarray(0, stop - start)
      buffer.set(taken, start)
      if (taken.length < next.length) inbox.unshift(next.subarray(taken.length))
      return taken.length
    },
    endWrites: () => {},
  })
  const there: Uint8Array[] = []
  const back: Uint8Array[] = []
  return [end(back, there), end(there, back)]
}

t.test('a sparse guest of 4.5 GiB', async (t) => {
  const shape = [
    { name: 'low', usedLength: GIB / 2 },
    { name: 'high', usedLength: 4.5 * GIB },
  ]
  const here = GuestMemory.allocate(shape)
  const there = GuestMemory.allocate(shape)
  const marks = [0, 4096, 2 * GIB, 2 ** 32 - 4096, 2 ** 32, 2 ** 32 + 4096, 4.5 * GIB - 4096]
  for (const [index, offset] of marks.entries()) here.writeUint64(1, offset, index + 1)

  const [outLink, inLink] = pipe()
  const heard: string[] = []
  const outgoing = new OutgoingEngine({ memory: here, report: (news: OutgoingReport) => void heard.push(news.type) })
  const incoming = new IncomingEngine({ memory: there, report: (news: IncomingReport) => void heard.push(news.type) })
  const until = (type: string) => {
    for (let steps = 0; !heard.includes(type); steps++) {
      outgoing.step(outLink, steps)
      incoming.step(inLink, steps)
      if (steps > 1e6 || heard.includes('outgoing.failed') || heard.includes('incoming.failed'))
        throw new Error(heard.join())
    }
  }
  outgoing.order(setupOrder({ downtimeLimitMillis: 0 }), 0)
  until('outgoing.setup-done')
  outgoing.order({ type: 'iterate' }, 0)
  until('outgoing.converged')
  // The guest writes above the line once more, and has to be seen doing so.
  here.writeUint64(1, 2 ** 32 + 8192, 99)
  outgoing.order({ type: 'complete', devices: [globalState('running'), guestState(new Uint8Array(8))] }, 1)
  until('arrived')
  incoming.order({ type: 'accept' }, 1)
  until('outgoing.prepared')
  outgoing.order({ type: 'commit' }, 2)
  until('incoming.ended')
  incoming.order({ type: 'acknowledge' }, 2)
  until('outgoing.loaded')

  for (const [index, offset] of marks.entries()) t.equal(there.readUint64(1, offset), index + 1, `${offset}`)
  t.equal(there.readUint64(1, 2 ** 32 + 8192), 99)
  t.equal(there.readUint64(1, 8192), 0, 'nothing has slipped below the line')
  t.equal(there.readUint64(0, 0), 0)
})
