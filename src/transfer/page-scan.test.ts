/** Which pages are to be sent: all of them once, then what the guest wrote, each exactly once a pass. */
import t from 'tap'
import { GuestMemory, PAGE_BYTES } from '../memory/index.ts'
import { PageScan } from './page-scan.ts'

const memoryOf = (...pages: readonly number[]): GuestMemory =>
  GuestMemory.allocate(pages.map((count, index) => ({ name: `block${index}`, usedLength: count * PAGE_BYTES })))

const taken = (scan: PageScan): readonly string[] => {
  const pages: string[] = []
  while (scan.next()) pages.push(`${scan.block}:${scan.offset / PAGE_BYTES}`)
  return pages
}

t.test('nothing is to be sent before a run begins', (t) => {
  const scan = new PageScan(memoryOf(3))
  t.equal(scan.remaining, 0)
  t.notOk(scan.next())
  t.end()
})

t.test('all pages of all blocks, in order, and then none', (t) => {
  const scan = new PageScan(memoryOf(33, 2))
  scan.addAll()
  t.equal(scan.remaining, 35)
  t.equal(scan.remainingBytes, 35 * PAGE_BYTES)
  const pages = taken(scan)
  t.same(pages, [...Array.from({ length: 33 }, (_unused, page) => `0:${page}`), '1:0', '1:1'])
  t.equal(scan.remaining, 0)
  t.end()
})

t.test('a page that was written after it was taken comes again, and the scan goes on from where it is', (t) => {
  const memory = memoryOf(4, 2)
  memory.startLog()
  const scan = new PageScan(memory)
  scan.addAll()
  scan.next()
  scan.next()
  t.ok(scan.isClean(0, 1))
  memory.writeUint32(0, PAGE_BYTES, 1)
  memory.writeUint32(0, 2 * PAGE_BYTES, 1)
  t.equal(scan.sync(), 2, 'both writes are reported')
  t.equal(scan.remaining, 5, 'one of them is of a page that was to be sent anyway')
  t.notOk(scan.isClean(0, 1))
  t.same(taken(scan), ['0:2', '0:3', '1:0', '1:1', '0:1'])
  t.end()
})
