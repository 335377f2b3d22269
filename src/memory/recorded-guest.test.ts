import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { sha256 } from './digest.ts'
import { GuestMemory } from './guest-memory.ts'
import { RecordedGuest } from './recorded-guest.ts'
import { loadRecording, type Recording } from './recording.ts'

/**
 * 16 pages, page p full of byte p; three steps of 100, 50 and 100 ms, step i filling pages i, i + 5 and 12 with byte
 * 0x80 + i. Made with another program than ours (Python, xz), so the digests are a second opinion.
 */
const tiny = fileURLToPath(new URL('fixtures/tiny-recording', import.meta.url))

function newGuest(recording: Recording): RecordedGuest {
  // Two blocks, so that both base and steps cross from one to the other.
  const memory = GuestMemory.allocate([
    { name: 'low', usedLength: 3 * 4096 },
    { name: 'high', usedLength: 13 * 4096 },
  ])
  return new RecordedGuest({ recording, memory })
}

function marked(guest: RecordedGuest): number[] {
  const pages: number[] = []
  let first = 0
  for (const log of guest.memory.log) {
    for (let page = log.next(0); page < log.pageCount; page = log.next(page + 1)) pages.push(first + page)
    log.clearAll()
    first += log.pageCount
  }
  return pages
}

t.test('a recording loads with its base and its steps', async (t) => {
  const recording = await loadRecording(tiny)
  t.equal(recording.mode, 'tiny')
  t.equal(recording.memoryBytes, 16 * 4096)
  const base = new Uint8Array(recording.base!)
  t.ok(base.every((byte, at) => byte === Math.floor(at / 4096)))
  t.same(
    recording.steps.map(({ pageCount, guestMillis, offset }) => ({ pageCount, guestMillis, offset })),
    [
      { pageCount: 3, guestMillis: 100, offset: 8 },
      { pageCount: 3, guestMillis: 50, offset: 8 + 3 * 4100 + 8 },
      { pageCount: 3, guestMillis: 100, offset: 2 * (8 + 3 * 4100) + 8 },
    ],
  )
})

t.test('each step writes its pages through the log and reaches its digest', async (t) => {
  const guest = newGuest(await loadRecording(tiny))
  guest.boot()
  t.equal(sha256(guest.memory), guest.recording.sha256Base)
  t.same(marked(guest), [], 'nothing is logged before logging starts')
  guest.memory.startLog()
  for (const [index, step] of guest.recording.steps.entries()) {
    t.notOk(guest.finished)
    guest.advance(1)
    t.same(marked(guest), [index, index + 5, 12])
    t.equal(sha256(guest.memory), step.sha256After)
    t.equal(guest.counter, index + 1)
  }
  t.ok(guest.finished)
  t.throws(() => guest.advance(1), { name: 'GuestOptionError', expected: 'an integer in 0 .. 0' })
  guest.advance(0)
})

t.test('batching makes no difference, and too many operations do nothing', async (t) => {
  const guest = newGuest(await loadRecording(tiny))
  guest.boot()
  for (const operations of [4, -1, 0.5]) t.throws(() => guest.advance(operations), { name: 'GuestOptionError' })
  t.equal(sha256(guest.memory), guest.recording.sha256Base)
  guest.advance(3)
  t.equal(sha256(guest.memory), guest.recording.steps[2]!.sha256After)
})

t.test('steps are due when their guest time has passed', async (t) => {
  const guest = newGuest(await loadRecording(tiny))
  t.same(
    [0, 99.9, 100, 149, 150, 249, 250, 1e9].map((elapsed) => guest.due(elapsed)),
    [0, 0, 1, 1, 2, 2, 3, 3],
  )
  t.equal(guest.elapsedMillis, 0)
  guest.boot()
  guest.advance(2)
  t.equal(guest.elapsedMillis, 150)
})

t.test('a guest continues from its saved state', async (t) => {
  const source = newGuest(await loadRecording(tiny))
  source.boot()
  source.advance(1)
  const recording = await loadRecording(tiny, { base: false })
  t.equal(recording.base, undefined)
  const memory = GuestMemory.fromShared(source.memory.toShared())
  const destination = new RecordedGuest({ recording, memory })
  t.throws(() => destination.boot(), { name: 'GuestOptionError', expected: 'one loaded with its base' })
  destination.loadState(source.saveState())
  t.equal(destination.counter, 1)
  destination.advance(2)
  t.equal(sha256(memory), recording.steps[2]!.sha256After)
  t.throws(() => destination.boot(), { name: 'GuestOptionError', expected: 'no operation done' })
})

t.test('a state of another recording, or past the end, is refused and changes nothing', async (t) => {
  const guest = newGuest(await loadRecording(tiny))
  guest.boot()
  guest.advance(2)
  const good = guest.saveState()
  const other = Uint8Array.from(good)
  other[other.length - 1]! ^= 1
  const past = Uint8Array.from(good)
  new DataView(past.buffer).setBigUint64(12, 4n)
  t.throws(() => guest.loadState(other), { name: 'GuestStateError', expected: guest.recording.sha256Base })
  t.throws(() => guest.loadState(past), { name: 'GuestStateError', expected: 'at most 3', found: '4' })
  t.throws(() => guest.loadState(good.subarray(1)), { name: 'GuestStateError' })
  t.equal(guest.counter, 2)
  t.ok(good.length <= 4096)
})

t.test('memory of another size is refused', async (t) => {
  const recording = await loadRecording(tiny)
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength: 15 * 4096 }])
  t.throws(() => new RecordedGuest({ recording, memory }), { name: 'GuestOptionError', expected: '65536 bytes' })
})

type Damage = (directory: string) => Promise<void>
type Meta = Record<string, unknown> & { steps: Record<string, unknown>[] }

function edit(file: string, change: (content: Buffer) => Uint8Array | string): Damage {
  return async (directory) => {
    const path = join(directory, file)
    await writeFile(path, change(await readFile(path)))
  }
}

function meta(change: (content: Meta) => void): Damage {
  return edit('meta.json', (content) => {
    const value: Meta = JSON.parse(content.toString())
    change(value)
    return JSON.stringify(value)
  })
}

function flipped(content: Buffer): Buffer {
  content[Math.floor(content.length / 2)]! ^= 1
  return content
}

t.test('a damaged recording says what was expected', async (t) => {
  const cases: readonly [string, Damage, RegExp, RegExp][] = [
    ['no meta', async (d) => rm(join(d, 'meta.json')), /readable file/, /ENOENT/],
    ['no base', async (d) => rm(join(d, 'base.ram.xz')), /readable file/, /ENOENT/],
    ['no deltas', async (d) => rm(join(d, 'deltas.bin.xz')), /readable file/, /ENOENT/],
    ['meta no JSON', edit('meta.json', () => '{'), /JSON/, /./],
    ['meta no object', edit('meta.json', () => 'null'), /whole pages/, /nothing/],
    ['base not xz', edit('base.ram.xz', () => 'hello'), /an xz file/, /68656c6c6f/],
    ['base empty', edit('base.ram.xz', () => ''), /an xz file/, /starts/],
    ['base cut', edit('base.ram.xz', (all) => all.subarray(0, all.length - 40)), /xz data of 65536 bytes/, /after/],
    ['base flipped', edit('base.ram.xz', flipped), /xz data of 65536 bytes/, /after/],
    ['deltas flipped', edit('deltas.bin.xz', flipped), /xz data of 36924 bytes/, /after/],
    ['other base', meta((value) => (value.sha256_base = 'f'.repeat(64))), /^f{64}$/, /^[0-9a-f]{64}$/],
    ['base too short', meta((value) => (value.memory_bytes = 17 * 4096)), /69632 bytes/, /^65536 bytes/],
    ['base too long', meta((value) => (value.memory_bytes = 15 * 4096)), /61440 bytes/, /more than 61440/],
    ['page outside', meta((value) => (value.memory_bytes = 8 * 4096)), /below 8/, /^12$/],
    ['pages of a step', meta((value) => (value.steps[0]!.dirty_pages = 4)), /41024 bytes/, /36924 bytes/],
    ['deltas too long', meta((value) => value.steps.pop()), /24616 bytes/, /more than 24616/],
    ['no page count', meta((value) => (value.steps[1]!.dirty_pages = -1)), /integer in 0 .. 16/, /-1/],
    [
      'counts exchanged',
      meta((value) => {
        value.steps[0]!.dirty_pages = 2
        value.steps[1]!.dirty_pages = 4
      }),
      /2 pages as in meta.json/,
      /3 pages and 100 ms/,
    ],
    ['no digest', meta((value) => delete value.steps[2]!.sha256_after), /64 hex digits/, /nothing/],
    ['page size', meta((value) => (value.page_bytes = 8192)), /4096/, /8192/],
    ['odd size', meta((value) => (value.memory_bytes = 4097)), /whole pages/, /4097/],
    ['huge size', meta((value) => (value.memory_bytes = 2 ** 40)), /at most 17179869184/, /1099511627776/],
  ]
  for (const [name, damage, expected, found] of cases) {
    const directory = t.testdir()
    await cp(tiny, directory, { recursive: true })
    await damage(directory)
    await t.rejects(loadRecording(directory), { name: 'RecordingError', expected, found }, name)
  }
})

t.test('a recording of a real guest reaches every digest', async (t) => {
  const directory = process.env.SWITCHOVER_GUESTS
  if (directory === undefined) {
    t.pass('skipped: SWITCHOVER_GUESTS does not name a directory with the recording linux-log')
    return
  }
  const recording = await loadRecording(join(directory, 'linux-log'))
  const memory = GuestMemory.allocate([{ name: 'ram', usedLength: recording.memoryBytes }])
  const guest = new RecordedGuest({ recording, memory })
  guest.boot()
  for (const step of recording.steps) {
    guest.advance(1)
    if (sha256(memory) !== step.sha256After) t.fail(`memory after step ${guest.counter}`)
  }
  t.ok(guest.finished)
  t.equal(guest.counter, recording.steps.length)
})
