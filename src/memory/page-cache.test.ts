/** The cache of XBZRLE: direct mapped, ageing by generations, bounded, and of another size at any time. */
import * as fc from 'fast-check'
import t from 'tap'
import { CACHED_PAGE_LIFETIME, PageCache } from './page-cache.ts'
import { PAGE_BYTES } from './ram-block.ts'

const MIB = 2 ** 20

const contents = (page: number, version: number): Uint8Array => {
  const bytes = new Uint8Array(PAGE_BYTES)
  new DataView(bytes.buffer).setFloat64(0, page)
  new DataView(bytes.buffer).setFloat64(PAGE_BYTES - 8, version)
  return bytes
}

const read = (cache: PageCache, place: number): Uint8Array => {
  const offset = cache.offsetOf(place)
  return cache.bytesOf(place).slice(offset, offset + PAGE_BYTES)
}

t.test('a page that was used within two generations keeps its place', (t) => {
  const cache = new PageCache(4 * PAGE_BYTES, 64)
  t.equal(cache.claim(1, 10), 1)
  t.equal(cache.claim(5, 10), -1)
  t.equal(cache.claim(5, 10 + CACHED_PAGE_LIFETIME - 1), -1)
  t.equal(cache.find(1, 11), 1, 'a use')
  t.equal(cache.claim(5, 12), -1, 'which counts from then on')
  t.equal(cache.claim(5, 13), 1)
  t.equal(cache.find(1, 13), -1)
  t.equal(cache.claim(5, 13), 1, 'its own place it has anyway')
  t.end()
})

t.test('its memory comes when it is used, and no more than the guest has pages', (t) => {
  t.equal(new PageCache(64 * MIB, 100).places, 128)
  t.equal(new PageCache(2 ** 63, 2 ** 20).places, 2 ** 20)
  const cache = new PageCache(64 * MIB, 2 ** 20)
  t.equal(cache.bytes, 0)
  cache.put(cache.claim(1_000_000, 1), contents(1_000_000, 1), 0)
  t.equal(cache.bytes, MIB)
  cache.resize(PAGE_BYTES)
  t.ok(cache.bytes <= PAGE_BYTES)
  t.equal(cache.find(1_000_000, 2), 0, 'what is alone in its place stays')
  t.end()
})

t.test('page numbers of a guest of terabytes are told apart', (t) => {
  const cache = new PageCache(MIB, 2 ** 32)
  cache.put(cache.claim(2 ** 32 - 1, 1), contents(2 ** 32 - 1, 1), 0)
  t.ok(cache.find(2 ** 32 - 1, 1) >= 0)
  t.equal(cache.find(2 ** 31 - 1, 1), -1)
  t.end()
})

interface Step {
  readonly do: 'claim' | 'find' | 'resize' | 'pass' | 'zero'
  readonly page: number
  readonly power: number
}

const PAGES = 2048

/** The cache as one would write it down: a map from places to pages. */
class Model {
  places = 1
  generation = 1
  held = new Map<number, { page: number; age: number; bytes: Uint8Array }>()

  resize(places: number): void {
    const before = [...this.held.entries()].sort(([a], [b]) => a - b)
    this.places = places
    this.held = new Map()
    for (const [, entry] of before) {
      const place = entry.page % places
      const other = this.held.get(place)
      if (other === undefined || entry.age > other.age) this.held.set(place, entry)
    }
  }
}

const play = (steps: readonly Step[]): void => {
  const cache = new PageCache(PAGE_BYTES, PAGES)
  const model = new Model()
  let version = 0
  const fill = (page: number, zero: boolean): void => {
    const place = page % model.places
    const other = model.held.get(place)
    const refused = other !== undefined && other.page !== page && other.age + 2 > model.generation
    const claimed = cache.claim(page, model.generation)
    if (claimed !== (refused ? -1 : place)) throw new Error(`claimed ${claimed} for ${page}`)
    if (refused) return
    const bytes = zero ? new Uint8Array(PAGE_BYTES) : contents(page, ++version)
    if (zero) cache.zero(claimed)
    else cache.put(claimed, bytes, 0)
    model.held.set(place, { page, age: model.generation, bytes })
  }
  for (const { do: what, page, power } of steps) {
    if (what === 'pass') model.generation++
    else if (what === 'resize') {
      cache.resize(2 ** power * PAGE_BYTES)
      model.resize(Math.min(2 ** power, PAGES))
    } else if (what === 'find') {
      const entry = model.held.get(page % model.places)
      if (entry?.page === page) entry.age = model.generation
      if (cache.find(page, model.generation) >= 0 !== (entry?.page === page)) throw new Error(`found ${page} or not`)
    } else fill(page, what === 'zero')
    if (cache.places !== model.places || cache.count !== model.held.size)
      throw new Error(`${cache.count} pages in ${cache.places} places for ${model.held.size} in ${model.places}`)
    const boundBytes = Math.max(cache.places, 1) * PAGE_BYTES
    if (cache.bytes > boundBytes) throw new Error(`${cache.bytes} bytes for ${boundBytes}`)
  }
  for (const [place, { page, bytes }] of model.held)
    if (cache.find(page, model.generation) !== place || Buffer.compare(read(cache, place), bytes) !== 0)
      throw new Error(`page ${page} is not as it was put in`)
}

t.test('whatever is done to it, it holds what a map of places would hold, within its size', (t) => {
  const step = fc.record<Step>({
    do: fc.constantFrom('claim', 'claim', 'find', 'resize', 'pass', 'zero'),
    page: fc.integer({ min: 0, max: PAGES - 1 }),
    power: fc.integer({ min: 0, max: 13 }),
  })
  fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), play), { numRuns: 300, seed: 1 })
  t.pass()
  t.end()
})
