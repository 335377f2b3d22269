/** What a sending engine owes to whoever drives it, on a link that takes everything at once. */
import t from 'tap'
import type { ByteLink } from '../channel/byte-link.ts'
import { GuestMemory, PAGE_BYTES } from '../memory/index.ts'
import { globalState, guestState } from './dialect.ts'
import type { OutgoingReport } from './order.ts'
import { OutgoingEngine } from './outgoing-engine.ts'
import { setupOrder } from './testing/transfer-order.ts'

const MIB = 2 ** 20

/** Counts what it takes, and never answers. */
class GreedyLink implements ByteLink {
  taken = 0
  writev(views: readonly Uint8Array[]): number {
    const count = views.reduce((sum, view) => sum + view.length, 0)
    this.taken += count
    return count
  }
  read(): number {
    return 0
  }
  endWrites(): void {}
}

const engineOf = (usedLength: number) => {
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength }])
  const news: OutgoingReport[] = []
  const engine = new OutgoingEngine({ memory, report: (item) => void news.push(item) })
  engine.order(setupOrder(), 0)
  return { memory, news, engine }
}

t.test('a step ends while there are pages left: orders have to be heard, however fast the link is', (t) => {
  const { memory, engine, news } = engineOf(64 * MIB)
  memory.fill(1)
  const link = new GreedyLink()
  engine.step(link, 0)
  engine.order({ type: 'iterate' }, 0)
  let steps = 0
  let longest = 0
  while (!news.some(({ type }) => type === 'outgoing.converged')) {
    const before = link.taken
    const wait = engine.step(link, 0)
    longest = Math.max(longest, link.taken - before)
    if (steps++ === 0) t.same(wait, { kind: 'until', millis: 0 }, 'and the next one is due at once')
  }
  t.ok(link.taken > 64 * MIB)
  t.ok(longest <= 10 * MIB, `${longest} bytes in one step`)
  engine.order({ type: 'abort' }, 0)
  t.same(engine.step(link, 0), { kind: 'over' })
  t.end()
})

t.test('the devices fit behind any number of pages', (t) => {
  // A zero page takes 9 bytes: so many of them that the last batch is as full as pages make it, give or take one.
  for (const pages of [112_866, 112_867, 112_868, 112_869]) {
    const { engine, news } = engineOf(pages * PAGE_BYTES)
    const link = new GreedyLink()
    engine.step(link, 0)
    engine.order({ type: 'complete', devices: [globalState('running'), guestState(new Uint8Array(4096))] }, 0)
    for (let steps = 0; steps < 10; steps++) engine.step(link, 0)
    t.match(news.at(-1), { type: 'outgoing.flushed' }, `${pages} pages`)
  }
  t.end()
})

t.test('what the link has taken is counted as moved', (t) => {
  const { engine } = engineOf(MIB)
  const link = new GreedyLink()
  t.equal(engine.bytesMoved, 0)
  engine.step(link, 0)
  t.equal(engine.bytesMoved, link.taken)
  t.notOk(engine.isClean(0, 0), 'nothing is clean before it is sent')
  engine.order({ type: 'iterate' }, 0)
  engine.step(link, 0)
  t.equal(engine.bytesMoved, link.taken)
  t.ok(engine.isFlushed && engine.isClean(0, 0))
  t.end()
})
