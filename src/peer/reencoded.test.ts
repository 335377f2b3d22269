/**
 * Recorded streams, decoded and written again by our encoder, load in a live QEMU: its memory is what was recorded. Left
 * out, with the reason, where there is none.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Effect } from 'effect'
import t from 'tap'
import { MigrationDecoder, StreamEncoder } from '../wire/index.ts'
import { startQemuMachine } from './qemu-machine.ts'
import { findQemu } from './qemu.ts'

const qemu = findQemu()
const missing = 'missing' in qemu ? qemu.missing : qemu.version.startsWith('7.2') ? false : `${qemu.version} is not 7.2`
if (missing !== false) t.comment(`no live QEMU 7.2: ${missing}`)

const folder = new URL('../wire/fixtures/', import.meta.url)
const samples = JSON.parse(readFileSync(new URL('samples.json', folder), 'utf8')) as readonly {
  readonly file: string
  readonly blocks: readonly { readonly name: string; readonly sha256?: string }[]
}[]

interface Load {
  readonly file: string
  readonly machine: string
  readonly mebibytes: number
  readonly capabilities?: readonly string[]
}

const loads: readonly Load[] = [
  { file: '01-tiny-none.bin.gz', machine: 'none', mebibytes: 1 },
  { file: 'pc-xbzrle.bin.gz', machine: 'pc-i440fx-7.2', mebibytes: 4 },
  { file: 'pc-compress.bin.gz', machine: 'pc-i440fx-7.2', mebibytes: 4, capabilities: ['compress'] },
  { file: 'pc-2.3.bin.gz', machine: 'pc-i440fx-2.3', mebibytes: 4 },
]

/** The stream again, with the block named in every record. */
const reencoded = (raw: Uint8Array): Uint8Array => {
  const pieces: Uint8Array[] = []
  const encoder = new StreamEncoder((bytes) => pieces.push(bytes.slice()), { nameEveryPage: true })
  const decoder = new MigrationDecoder(encoder)
  decoder.finish('main', raw.length - decoder.feed('main', raw, 0, raw.length))
  encoder.flush()
  return new Uint8Array(Buffer.concat(pieces))
}

const load = ({ machine, mebibytes, capabilities = [] }: Load, stream: Uint8Array) =>
  Effect.gen(function* () {
    const destination = yield* startQemuMachine({ machine, mebibytes, incoming: true })
    const path = join(destination.directory, 'stream')
    writeFileSync(path, stream)
    yield* destination.client.execute('migrate-set-capabilities', {
      capabilities: capabilities.map((capability) => ({ capability, state: true })),
    })
    yield* destination.client.execute('migrate-incoming', { uri: `exec:cat ${path}` })
    for (;;) {
      const { status } = yield* destination.client.execute('query-migrate')
      if (status === 'completed') break
      yield* Effect.sleep('5 millis')
    }
    return createHash('sha256').update(readFileSync(destination.memory)).digest('hex')
  }).pipe(Effect.scoped)

for (const each of loads)
  t.test(`${each.file}, written again, loads in a live QEMU`, { skip: missing }, async (t) => {
    const raw = new Uint8Array(gunzipSync(readFileSync(new URL(each.file, folder))))
    const stream = reencoded(raw)
    t.ok(stream.length > raw.length)
    const expected = samples.find(({ file }) => file === each.file)?.blocks[0]?.sha256
    t.equal(await Effect.runPromise(load(each, stream)), expected)
  })
