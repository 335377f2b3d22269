import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import t from 'tap'
import type { Profile } from '../../machines/index.ts'
import { JsonFloat, JsonReader, type JsonItem, type JsonReaderOptions } from './json-reader.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)

const readAll = (text: string | Uint8Array, options: JsonReaderOptions = {}): readonly JsonItem[] => [
  ...new JsonReader(options).read(typeof text === 'string' ? bytes(text) : text),
]

const valueOf = (text: string, options: JsonReaderOptions = {}): unknown => {
  const [item] = readAll(`${text}\n`, options)
  return item?.type === 'value' ? item.value : item?.desc
}

interface Sample {
  readonly raw: string
  readonly times?: number
  readonly replies: readonly { readonly error?: { readonly desc: string } }[]
}
const samples = JSON.parse(readFileSync(new URL('fixtures/broken-json.json', import.meta.url), 'utf8')) as Readonly<
  Record<Profile, readonly Sample[]>
>

/** The reader's errors have these texts; any other answer was given to a value. */
const isReaderError = (desc: string | undefined): desc is string => /^JSON |^Invalid JSON/.test(desc ?? '')

const linesOf = ({ raw, times = 1 }: Sample): Uint8Array => {
  const text = `${raw.repeat(times)}\n`
  return /[\u0080-\u00ff]/.test(raw) ? Buffer.from(text, 'latin1') : bytes(text)
}

for (const profile of ['2.11', '7.2'] as const) {
  t.test(`what QEMU ${profile} said to malformed input, in the order in which it was sent`, async (t) => {
    const reader = new JsonReader({ profile })
    for (const sample of samples[profile]) {
      const said = [...reader.read(linesOf(sample))].map((item) => (item.type === 'error' ? item.desc : 'a value'))
      const wanted = sample.replies.map(({ error }) => (isReaderError(error?.desc) ? error.desc : 'a value'))
      t.same(said, wanted, JSON.stringify(sample.raw))
    }
  })

  t.test(`${profile}: however the bytes are split, the same values and errors`, async (t) => {
    const stream = Buffer.concat(samples[profile].filter(({ times }) => times === undefined).map(linesOf))
    const whole = readAll(stream, { profile })
    const reader = new JsonReader({ profile })
    t.same(
      [...stream].flatMap((byte) => [...reader.read(Uint8Array.of(byte))]),
      whole,
      'byte by byte',
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(60), { maxLength: 6 }), (garbage, cuts) => {
        const parts = new JsonReader({ profile })
        const ends = [...cuts.filter((cut) => cut < garbage.length).sort((a, b) => a - b), garbage.length]
        const said = ends.flatMap((end, index) => [...parts.read(garbage.subarray(ends[index - 1] ?? 0, end))])
        t.strictSame(said, readAll(garbage, { profile }))
      }),
      { numRuns: 300 },
    )
  })

  t.test(`${profile}: what JSON.parse reads is read the same`, async () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        if (/\\u|e[-+]?\d|\d\.0|\d{16}|[\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\0]/i.test(text)) return
        t.strictSame(valueOf(text, { profile }), JSON.parse(text) as unknown)
      }),
      { numRuns: 200 },
    )
  })

  t.test(`${profile}: 0xFF and a control byte bring a lost reader back`, async (t) => {
    for (const reset of [0xff, 0x01, 0x1b]) {
      const items = readAll(Buffer.concat([bytes('{"a": [1, {"b":'), Uint8Array.of(reset), bytes('\n{"c": 1}')]), {
        profile,
      })
      t.equal(items[0]?.type, 'error', `${reset}`)
      t.same(items.at(-1), { type: 'value', value: { c: 1 } }, `${reset}`)
    }
  })

  t.test(`${profile}: limits end in one error a line, and the next line is read`, async (t) => {
    const text = (limit: string) => (profile === '7.2' ? limit : 'Invalid JSON syntax')
    const next = { type: 'value', value: { next: true } }
    for (const [limit, line, options] of [
      ['JSON nesting depth limit exceeded', '['.repeat(2000), {}],
      ['JSON nesting depth limit exceeded', '[[[[', { depthMax: 3 }],
      ['JSON token size limit exceeded', JSON.stringify({ a: 'x'.repeat(200) }), { valueBytesMax: 100 }],
      ['JSON token size limit exceeded', '1'.repeat(200), { valueBytesMax: 100 }],
      ['JSON token count limit exceeded', JSON.stringify(Array.from({ length: 50 }, () => 1)), { tokensMax: 20 }],
    ] as const) {
      const reader = new JsonReader({ profile, ...options })
      const items = bytes(`${line}\n{"next": true}\n`)
      const said = [...reader.read(items.subarray(0, 150)), ...reader.read(items.subarray(150))]
      t.same(said, [{ type: 'error', desc: text(limit) }, next], limit)
    }
    t.equal(readAll('['.repeat(1024) + ']'.repeat(1024), { profile })[0]?.type, 'value', '1024 levels are read')
  })

  t.test(`${profile}: a line of 10 MiB is read, and refused in bounded memory where it is too long`, async (t) => {
    const line = bytes(`{"a": "${'x'.repeat(10 << 20)}"}\n{"b": 1}\n`)
    const feed = (reader: JsonReader): readonly JsonItem[] => {
      const items: JsonItem[] = []
      for (let at = 0; at < line.length; at += 65536) items.push(...reader.read(line.subarray(at, at + 65536)))
      return items
    }
    const [first, second] = feed(new JsonReader({ profile }))
    t.equal(first?.type, 'value')
    t.same(second, { type: 'value', value: { b: 1 } })
    const [refused, next] = feed(new JsonReader({ profile, valueBytesMax: 1 << 20 }))
    t.equal(refused?.type, 'error')
    t.same(next, { type: 'value', value: { b: 1 } })
  })
}

t.test('numbers: 64-bit integers are exact, what QEMU takes for a float is marked', async (t) => {
  const numbers = valueOf(
    '[0, -0, 1, -5, 9007199254740991, 9007199254740993, 18446744073709551615, -9223372036854775808]',
  )
  t.strictSame(numbers, [
    0,
    0,
    1,
    -5,
    9007199254740991,
    9007199254740993n,
    18446744073709551615n,
    -9223372036854775808n,
  ])
  for (const [text, value] of [
    ['1.0', 1],
    ['1e3', 1000],
    ['1e400', Infinity],
    ['18446744073709551616', 2 ** 64],
    ['-9223372036854775809', -(2 ** 63)],
    [`1${'0'.repeat(400)}`, Infinity],
  ] as const) {
    const read = valueOf(text)
    t.ok(read instanceof JsonFloat && read.value === value, text)
  }
  t.equal(valueOf('0.5'), 0.5)
})

t.test('strings: single quotes, escapes, and what the profiles make of code points that are none', async (t) => {
  for (const profile of ['2.11', '7.2'] as const) {
    t.equal(valueOf(`'it\\'s "so"'`, { profile }), `it's "so"`)
    t.equal(valueOf('"\\b\\f\\n\\r\\t\\/\\\\\\u00e9é😀"', { profile }), '\b\f\n\r\t/\\éé😀')
  }
  t.equal(valueOf('"\\ud83d\\ude00"', { profile: '7.2' }), '😀')
  t.equal(valueOf('"\\ud83d\\ude00"', { profile: '2.11' }), '\ufffd\ufffd')
  t.equal(valueOf('"a\\u0000b"', { profile: '7.2' }), 'a\0b')
  t.equal(valueOf('"a\\u0000b"', { profile: '2.11' }), 'ab')
  const error = (reason: string) => `JSON parse error, ${reason}`
  // As a live 7.2.22 answered.
  t.equal(valueOf('"\\uffff"', { profile: '7.2' }), error('\\uffff is not a valid Unicode character'))
  t.equal(valueOf('"\\uzzzz"', { profile: '7.2' }), error('\\uzzzz is not a valid Unicode character'))
  t.equal(valueOf('"\\q"', { profile: '7.2' }), error('invalid escape sequence in string'))
  const bad = Buffer.concat([bytes('"'), Uint8Array.of(0xc3), bytes('("')])
  t.same(readAll(bad, { profile: '7.2' }), [{ type: 'error', desc: error('invalid UTF-8 sequence in string') }])
})

t.test('objects: a prototype is a member like any other; the last of two equal keys counts in 2.11', async (t) => {
  const value = valueOf('{"__proto__": 1, "toString": 2}', { profile: '7.2' })
  t.same(Object.entries(value as object), [
    ['__proto__', 1],
    ['toString', 2],
  ])
  t.same(valueOf('{"a": 1, "a": 2}', { profile: '2.11' }), { a: 2 })
})

t.test('the outermost reader has the last word in 2.11, the innermost the first in 7.2', async (t) => {
  for (const [text, old, recent] of [
    ['{"a": [nope]}', 'Missing value in dict', "invalid keyword 'nope'"],
    ['[{"a"}]', 'expecting value', 'missing : in object pair'],
    ['{[1]: 2}', 'key is not a string in object', 'key is not a string in object'],
    ['{"a" 1}', 'missing : in object pair', 'missing : in object pair'],
    ['[1 2]', 'expected separator in list', 'expected separator in list'],
    ['[}', 'expecting value', 'expecting value'],
    [']', 'expecting value', 'expecting value'],
  ] as const) {
    t.equal(valueOf(text, { profile: '2.11' }), `JSON parse error, ${old}`, text)
    t.equal(valueOf(text, { profile: '7.2' }), `JSON parse error, ${recent}`, text)
  }
})
