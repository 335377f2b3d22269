/** A batch reaches the link whole and in order, whatever the link takes at a time. */
import t from 'tap'
import type { ByteLink } from '../channel/byte-link.ts'
import { OutputQueue } from './output-queue.ts'

/** A link that takes so many bytes at each call, and keeps them. */
const linkOf = (portions: number[], taken: number[]): ByteLink => ({
  writev: (views) => {
    const bytes = views.flatMap((view) => [...view]).slice(0, portions.shift() ?? 0)
    taken.push(...bytes)
    return bytes.length
  },
  read: () => 0,
  endWrites: () => {},
})

t.test('a link that takes a little at a time', (t) => {
  const queue = new OutputQueue(16)
  for (const byte of [1, 2, 3, 4, 5]) queue.bytes[queue.at++] = byte
  t.equal(queue.room, 11)
  const taken: number[] = []
  const link = linkOf([2, 1, 0, 1], taken)
  t.notOk(queue.flush(link), 'full after three')
  t.equal(queue.bytesWritten, 3)
  t.notOk(queue.isEmpty)
  t.notOk(queue.flush(link), 'full after one more')
  t.ok(queue.flush(linkOf([9], taken)))
  t.same(taken, [1, 2, 3, 4, 5])
  t.ok(queue.isEmpty)
  t.equal(queue.room, 16, 'the next batch begins at the front')
  t.equal(queue.bytesWritten, 5)
  t.end()
})

t.test('an empty batch asks nothing of the link', (t) => {
  const link: ByteLink = {
    writev: () => {
      throw new Error('written')
    },
    read: () => 0,
    endWrites: () => {},
  }
  t.ok(new OutputQueue(4).flush(link))
  t.end()
})
