/** `switchover stream` on recordings: what it says, how it ends, what files it makes. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { stream as streamCommand } from './stream.ts'
import { runCommand, type Ended } from './testing/run-command.ts'
import { MultifdEncoder, StreamEncoder, describeDevices, type MultifdPacket } from '../wire/index.ts'
import { multifdCompressor } from '../wire/compression.ts'

const entry = fileURLToPath(new URL('switchover.js', import.meta.url))
const fixture = (name: string): string => fileURLToPath(new URL(`../wire/fixtures/${name}`, import.meta.url))
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const stream = (...args: readonly string[]): Promise<Ended> => runCommand(streamCommand, args)

const scratch = (t: Test): string => {
  const path = mkdtempSync(join(tmpdir(), 'switchover-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const samples = JSON.parse(readFileSync(fixture('samples.json'), 'utf8')) as readonly {
  readonly file: string
  readonly blocks: readonly { readonly name: string; readonly sha256?: string }[]
}[]
const digestOf = (file: string, block: string): string | undefined =>
  samples.find((sample) => sample.file === file)?.blocks.find(({ name }) => name === block)?.sha256

t.test('inspect: text for people, one document for programs', async (t) => {
  const path = fixture('pc-xbzrle.bin.gz')
  const [text, json] = await Promise.all([
    stream('inspect', '--fields', '--sections', path),
    stream('inspect', '--json', '--fields', path),
  ])
  t.equal(text.code, 0, text.error)
  t.match(text.out, /precopy, whole\nmachine pc-i440fx-7\.2\n/)
  t.match(text.out, /pc\.ram +4\.0 MiB +1024 /)
  t.match(text.out, /xbzrle [\d.]+ to 1/)
  t.match(text.out, /channels\[0\]\.count 65536\n/)
  t.match(text.out, /START +ram +26\n/)
  const document = JSON.parse(json.out)
  t.equal(document.complete, true)
  t.equal(document.configuration.machine, 'pc-i440fx-7.2')
  t.equal(document.ram.blocks[0].pages.xbzrle, 17)
  t.equal(document.devices.length, 30)
  t.equal(document.devices.at(-1).fields[0].path, 'size')
})

t.test('what is not whole, or no stream at all, is shown as far as it goes and refused with its place', async (t) => {
  const directory = scratch(t)
  const raw = gunzipSync(readFileSync(fixture('01-tiny-none.bin.gz')))
  const cut = join(directory, 'cut.bin')
  const other = join(directory, 'other.bin')
  writeFileSync(cut, raw.subarray(0, 300))
  writeFileSync(other, 'no stream of anything')
  const [short, wrong, missing, channel] = await Promise.all([
    stream('inspect', cut),
    stream('inspect', other),
    stream('inspect', join(directory, 'none')),
    stream('inspect', fixture('07-pc-multifd-zlib-32m.main.bin.gz')),
  ])
  t.equal(short.code, 1)
  t.match(short.out, /precopy, NOT WHOLE/)
  t.match(short.error, /cut\.bin: Stream cut off \(at byte \d+: expected a RAM record or EOS, found/)
  t.equal(wrong.code, 1)
  t.match(wrong.error, /other\.bin: Not a migration stream \(at byte 0: expected 0x5145564d/)
  t.equal(missing.code, 1)
  t.match(missing.error, /ENOENT/)
  t.equal(channel.code, 0, 'the main stream of multifd alone')
})

t.test(
  'as a process: the document alone on standard output, the reason on standard error, the exit code',
  async (t) => {
    const run = (...args: readonly string[]) =>
      spawnSync(process.execPath, [entry, 'stream', ...args], {
        encoding: 'utf8',
        env: { ...process.env, NODE_OPTIONS: '' },
      })
    const failed = run('verify', '--json', fixture('01-tiny-none.bin.gz'), '--sha256', 'ram=00')
    t.equal(failed.status, 1)
    t.equal(JSON.parse(failed.stdout).verified, false)
    t.match(failed.stderr, /^switchover: 1 of 1 recordings/)
  },
)

t.test('verify: against a digest, an image, or facts about many', async (t) => {
  const directory = scratch(t)
  const path = fixture('01-tiny-none.bin.gz')
  const digest = digestOf('01-tiny-none.bin.gz', 'ram')!
  const image = new Uint8Array(1_048_576)
  image.set([0x11, 0x22, 0x33, 0x44], 3 * 4096)
  const wrongImage = join(directory, 'wrong.ram')
  writeFileSync(
    wrongImage,
    image.map((byte, at) => (at === 4096 * 7 + 1 ? 1 : byte)),
  )
  const index = join(directory, 'index.json')
  writeFileSync(path.replace(/.*\//, `${directory}/`), readFileSync(path))
  writeFileSync(
    index,
    JSON.stringify({
      samples: [{ files: [{ file: '01-tiny-none.bin.gz' }], ramBlocks: [{ name: 'ram', sha256: digest }] }],
    }),
  )
  const [plain, good, bad, differs, known, unknown, usage] = await Promise.all([
    stream('verify', path),
    stream('verify', path, '--sha256', `ram=${digest}`),
    stream('verify', '--json', path, '--sha256', `ram=${digest.replace(/^./, 'g')}`),
    stream('verify', path, '--image', `ram=${wrongImage}`),
    stream('verify', '--index', index),
    stream('verify', path, '--sha256', `pc.ram=${digest}`),
    stream('verify', path, '--sha256', digest),
  ])
  t.match(plain.out, new RegExp(`ram  ${digest}\n`))
  t.match([good.code, good.out], [0, /as recorded/])
  t.equal(bad.code, 1)
  t.match(JSON.parse(bad.out), { verified: false, blocks: [{ name: 'ram', sha256: digest, matches: false }] })
  t.match([differs.code, differs.out], [1, /DIFFERS in \d+ pages, first at \d+/])
  t.match([known.code, known.out], [0, /as recorded/])
  t.match([unknown.code, unknown.out], [1, /pc\.ram: not in the recording/])
  t.match([usage.code, usage.error], [2, /--sha256: expected BLOCK=VALUE/])
})

const GIB = 2 ** 30

t.test('extract: pages above 4 GiB where they belong, in a file that takes no room for what is zero', async (t) => {
  const directory = scratch(t)
  const path = join(directory, 'huge.bin')
  const pieces: Uint8Array[] = []
  const encoder = new StreamEncoder((bytes) => pieces.push(bytes.slice()))
  const usedLength = 5 * GIB
  const offsets = [0, 4 * GIB - 4096, 4 * GIB, 4 * GIB + 4096, usedLength - 4096]
  encoder.header({ machine: 'none' })
  encoder.sectionStart({ id: 2, idstr: 'ram', instance: 0, version: 4 })
  encoder.ramBlocks([
    { name: 'ram', usedLength },
    { name: '/rom@etc', usedLength: 4096 },
  ])
  encoder.ramEos(2)
  encoder.sectionEnd(2)
  for (const [index, offset] of offsets.entries()) encoder.page(0, offset, new Uint8Array(4096).fill(index + 1), 0)
  encoder.zeroPage(0, 8192, 0)
  encoder.zeroPage(1, 0, 0x77)
  encoder.page(0, 12_288, new Uint8Array(4096).fill(9), 0)
  encoder.zeroPage(0, 12_288, 0)
  encoder.ramEos(2)
  const description = new TextEncoder().encode(describeDevices([]))
  encoder.vmDescription({ pageSize: 4096, devices: [], json: {}, bytes: description })
  encoder.end()
  encoder.flush()
  writeFileSync(path, Buffer.concat(pieces))

  const output = join(directory, 'out')
  const { code, out, error } = await stream('extract', path, '--output', output, '--json')
  t.equal(code, 0, error)
  const files = JSON.parse(out) as readonly { readonly block: string; readonly path: string; readonly bytes: number }[]
  t.strictSame(
    files.map(({ block, path: file }) => [block, file.slice(output.length + 1)]),
    [
      ['ram', 'ram'],
      ['/rom@etc', '%2From@etc'],
    ],
  )
  const ram = files[0]!.path
  t.equal(statSync(ram).size, usedLength)
  t.ok(statSync(ram).blocks * 512 < 2 ** 20, 'sparse')
  const file = openSync(ram, 'r')
  const page = new Uint8Array(4096)
  for (const [index, offset] of [...offsets, 8192, 12_288].entries()) {
    readSync(file, page, 0, 4096, offset)
    const value = index < offsets.length ? index + 1 : 0
    t.ok(
      page.every((byte) => byte === value),
      `at ${offset}`,
    )
  }
  closeSync(file)
  t.ok(readFileSync(files[1]!.path).every((byte) => byte === 0x77))

  const [again, one] = await Promise.all([
    stream('extract', path, '--output', output),
    stream('extract', path, '--output', join(directory, 'one'), '--block', '/rom@etc', '--block', 'other'),
  ])
  t.match([again.code, again.error], [1, /EEXIST/], 'what is there is not written over')
  t.match([one.code, one.error], [1, /no RAM block other in the recording/])
  t.match(one.out, /^\S*%2From@etc: \/rom@etc, 4\.0 KiB/)
})

t.test('a set of multifd: the main file finds its channels, and one that is cut off is named', async (t) => {
  const directory = scratch(t)
  const write = (name: string, bytes: readonly Uint8Array[]): string => {
    const path = join(directory, name)
    writeFileSync(path, Buffer.concat(bytes))
    return path
  }
  const main: Uint8Array[] = []
  const encoder = new StreamEncoder((bytes) => main.push(bytes.slice()))
  encoder.header({ machine: 'none' })
  encoder.sectionStart({ id: 2, idstr: 'ram', instance: 0, version: 4 })
  encoder.ramBlocks([{ name: 'ram', usedLength: 8192 }])
  encoder.ramEos(2)
  encoder.sectionEnd(2)
  encoder.ramEos(2)
  encoder.vmDescription({
    pageSize: 4096,
    devices: [],
    json: {},
    bytes: new TextEncoder().encode(describeDevices([])),
  })
  encoder.end()
  encoder.flush()
  const channel = (number: number, page: number): Uint8Array[] => {
    const pieces: Uint8Array[] = []
    const packets = new MultifdEncoder((bytes) => pieces.push(bytes.slice()), multifdCompressor('zlib'))
    const packet: MultifdPacket = {
      sync: true,
      method: 'none',
      pagesMax: 128,
      dataBytes: 0,
      number: 1,
      block: '',
      offsets: [],
    }
    packets.init({ uuid: new Uint8Array(16), channel: number })
    packets.packet(packet)
    packets.packet({ ...packet, method: 'zlib', block: 'ram', offsets: [page * 4096] })
    packets.page(0, page * 4096, new Uint8Array(4096).fill(page + 1), 0)
    return pieces
  }
  const path = write('set.main.bin', main)
  write('set.ch0.bin', channel(1, 1))
  write('set.ch1.bin', channel(0, 0))
  const memory = new Uint8Array(8192)
  memory.fill(1, 0, 4096).fill(2, 4096)
  const { code, out, error } = await stream('verify', path, '--sha256', `ram=${sha256(memory)}`)
  t.match([code, out, error], [0, /set\.main\.bin\n  ram .* as recorded/, ''])
  write('set.ch1.bin', channel(0, 0).slice(0, 2))
  const short = await stream('inspect', path)
  t.match(
    [short.code, short.error],
    [1, /set\.ch1\.bin: Channel ended in round 2 .*expected a packet with SYNC of round 2/],
  )
})

t.test('receive: a guest that comes from a command is kept as files, and its stream as it came', async (t) => {
  const directory = scratch(t)
  const output = join(directory, 'guest')
  const path = fixture('pc-compress.bin.gz')
  const { code, out, error } = await stream(
    'receive',
    `exec:gzip -dc ${path}`,
    '--output',
    output,
    '--record',
    join(directory, 'again'),
    '--json',
  )
  t.equal(code, 0, error)
  t.match(JSON.parse(out), { status: 'completed', machine: 'pc-i440fx-7.2', blocks: [{ name: 'pc.ram' }] })
  t.equal(sha256(readFileSync(join(output, 'ram', 'pc.ram'))), digestOf('pc-compress.bin.gz', 'pc.ram'))
  t.equal(JSON.parse(readFileSync(join(output, 'guest.json'), 'utf8')).runState, 'prelaunch')
  t.equal(Buffer.compare(readFileSync(join(directory, 'again.bin')), gunzipSync(readFileSync(path))), 0)

  const [there, cut, usage] = await Promise.all([
    stream('receive', `exec:gzip -dc ${path}`, '--output', output),
    stream('receive', `exec:gzip -dc ${path} | head -c 5000`, '--output', join(directory, 'cut')),
    stream('receive', 'fax:1', '--output', join(directory, 'fax')),
  ])
  t.match([there.code, there.error], [2, /--output: EEXIST/])
  t.match([cut.code, cut.error], [1, /load of migration failed: Stream cut off \(at byte/])
  t.equal(usage.code, 2, usage.error)
})

t.test('send: a guest that was kept becomes the stream of a migration again', async (t) => {
  const directory = scratch(t)
  const guest = join(directory, 'guest')
  const again = join(directory, 'again.bin')
  const received = await stream('receive', `exec:gzip -dc ${fixture('pc-xbzrle.bin.gz')}`, '--output', guest)
  t.equal(received.code, 0, received.error)
  const sent = await stream('send', guest, `exec:cat > ${again}`, '--compress', '1', '--json')
  t.match([sent.code, sent.error], [0, ''])
  t.match(JSON.parse(sent.out), { status: 'completed', machine: 'pc-i440fx-7.2' })
  const digest = digestOf('pc-xbzrle.bin.gz', 'pc.ram')!
  const verified = await stream('verify', again, '--sha256', `pc.ram=${digest}`)
  t.match([verified.code, verified.out], [0, /pc\.ram .* as recorded/])
  const document = JSON.parse((await stream('inspect', again, '--json')).out)
  t.ok(document.ram.blocks[0].pages.compressed > 0)
  t.equal(document.devices.length, 30)

  const [full, none, alone] = await Promise.all([
    stream('send', guest, 'exec:head -c 1000 > /dev/null; exit 3'),
    stream('send', join(directory, 'none'), 'tcp:localhost:1'),
    stream('send', guest, 'exec:cat > /dev/null', '--postcopy'),
  ])
  t.match([full.code, full.error], [1, /migration failed: .*status 3/])
  t.match([none.code, none.error], [2, /guest\.json/])
  t.match([alone.code, alone.error], [2, /--postcopy: expected an address with a way back/])
})
