/**
 * Every decoder of the codec, fed with damaged streams: a short run of what `switchover check --system stream` does at
 * length. And each fault that it looks for, planted, is found.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { StreamDecoder, silentSink, StreamError } from '../../src/wire/index.ts'
import { Random } from '../random.ts'
import { PromiseBroken } from './call-digest.ts'
import { runCampaign } from './campaign.ts'
import { formatFuzzToken, fuzz, parseFuzzToken } from './fuzz.ts'
import { mutate, MUTATIONS } from './mutate.ts'
import { migrationSubject, type FuzzSubject } from './subject.ts'
import { syntheticSubjects } from './synthetic.ts'

const SEED = 20_171_213
const CASES = 150

const folder = new URL('../../src/wire/fixtures/', import.meta.url)
const recorded = (file: string): FuzzSubject =>
  migrationSubject(file, [new Uint8Array(gunzipSync(readFileSync(new URL(file, folder))))])

const subjects = [
  ...syntheticSubjects(),
  ...['01-tiny-none.bin.gz', 'pc-xbzrle.bin.gz', 'pc-compress.bin.gz', 'pc-2.3.bin.gz'].map(recorded),
]

for (const subject of subjects)
  t.test(`${subject.name}: damaged streams are refused or decoded, and nothing else`, async (t) => {
    const { violation, outcomes, refusalPlaces } = fuzz(subject, { seed: SEED, cases: CASES })
    t.equal(violation, undefined, `${violation?.what ?? 'nothing'}; again with --replay ${violation?.token ?? ''}`)
    t.comment(`${outcomes.refused} refused at ${refusalPlaces} places, ${outcomes.decoded} decoded`)
    t.ok(outcomes.refused > CASES / 2, 'the damage is felt')
    t.ok(refusalPlaces > 10, 'in many places')
  })

const base = syntheticSubjects()[0]!
const planted = (decode: FuzzSubject['decode']): string | undefined =>
  fuzz({ ...base, decode }, { seed: 1, cases: 50 }).violation?.what

t.test('each fault that is looked for is found where it is', async (t) => {
  t.match(
    planted((inputs, cuts) => {
      if (inputs[0]![0] !== 0x51) throw new TypeError('undefined is no stream')
      return base.decode(inputs, cuts)
    }),
    /another error than StreamError: TypeError: undefined is no stream/,
  )
  t.match(
    planted(() => {
      throw new PromiseBroken('page at 4096 of a block of 4096 bytes')
    }),
    /a promise broken: .*page at 4096/,
  )
  t.match(
    planted((_inputs, cuts) => `told ${cuts[0]?.length ?? 0}`),
    /in one piece told 0; in pieces told [123]/,
  )
  t.match(
    planted(() => {
      throw new StreamError(1e9, 'Bad', 'good', 'bad')
    }),
    /place 1000000000 of \d+ bytes/,
  )
  t.match(
    planted(() => {
      throw new StreamError(0, 'Bad', '', 'bad')
    }),
    /it does not say what was expected/,
  )
  const kept: Uint8Array[] = []
  t.match(
    planted(() => {
      kept.push(new Uint8Array(64 * 2 ** 20))
      return ''
    }),
    /\d+ bytes of buffers/,
  )
})

t.test('a case is a function of subject, seed and number, and a token names it', async (t) => {
  const heard: string[] = []
  const listening: FuzzSubject = {
    ...base,
    decode: (inputs) => {
      heard.push(Buffer.from(inputs[0]!).toString('base64'))
      return ''
    },
  }
  fuzz(listening, { seed: 5, cases: 10 })
  const all = heard.splice(0)
  fuzz(listening, { seed: 5, first: 7, cases: 1 })
  t.equal(heard[0], all[14], 'each is decoded twice')
  t.not(all[14], all[12])
  const token = formatFuzzToken('colo-2.11', 5, 7)
  t.strictSame(parseFuzzToken(`  again with --replay ${token}`), { subject: 'colo-2.11', seed: 5, number: 7 })
  t.equal(parseFuzzToken('nonsense'), undefined)
})

t.test('damage of every kind, and only to the copy', async (t) => {
  const bytes = Uint8Array.from({ length: 400 }, (_unused, at) => at % 251)
  const before = bytes.slice()
  const random = new Random(3)
  const kinds = new Set<string>()
  const lengths = new Set<number>()
  for (let count = 0; count < 200; count++) {
    const damaged = mutate(bytes, Uint32Array.of(0, 1, 2, 399), random)
    for (const kind of damaged.kinds) kinds.add(kind)
    lengths.add(damaged.bytes.length)
  }
  t.strictSame([...kinds].sort(), [...MUTATIONS].sort())
  t.ok(lengths.size > 30)
  t.equal(Buffer.compare(bytes, before), 0)
  t.ok(mutate(new Uint8Array(0), new Uint32Array(0), random).bytes.length < 400, 'an empty stream too')
})

t.test('a campaign runs on threads and gives a result a subject', async (t) => {
  const results = await runCampaign({
    sources: [{ name: 'return-path' }, { name: 'recorded', inputs: base.inputs }],
    seed: 2,
    cases: 20,
    threads: 2,
  })
  t.match(results, [
    { subject: 'return-path', cases: 20 },
    { subject: 'recorded', cases: 20 },
  ])
})

t.test('hostile lengths are refused before anything is allocated for them', async (t) => {
  const hostile: readonly (readonly [string, readonly number[]])[] = [
    ['a machine name of 4 GiB', [7, 0xff, 0xff, 0xff, 0xff]],
    [
      '4 Gi capabilities',
      [7, 0, 0, 0, 1, 0x61, 5, 26, ...Buffer.from('configuration/capabilities'), 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff],
    ],
    ['a package of 4 GiB', [8, 0, 7, 0, 4, 0xff, 0xff, 0xff, 0xff]],
    ['a description of 4 GiB', [0, 6, 0xff, 0xff, 0xff, 0xff]],
    ['blocks of 2^63 bytes', [1, 0, 0, 0, 2, 3, 0x72, 0x61, 0x6d, 0, 0, 0, 0, 0, 0, 0, 4, 0x80, 0, 0, 0, 0, 0, 0, 4]],
  ]
  for (const [what, bytes] of hostile) {
    const stream = Uint8Array.from([0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3, ...bytes, ...Array<number>(64).fill(0x20)])
    const before = process.memoryUsage().arrayBuffers
    const decoder = new StreamDecoder(silentSink, { deviceLength: () => 0 })
    t.throws(() => decoder.feed(stream, 0, stream.length), StreamError, what)
    t.ok(process.memoryUsage().arrayBuffers - before < 2 ** 20, `${what}: nothing is allocated`)
  }
})
