/** Commands: the bytes that real streams have, a round trip for all of them, and refusals of everything else. */
import * as fc from 'fast-check'
import t from 'tap'
import { countedName, readCommand, writeCommand, type Command } from './index.ts'

const block = fc.string({ minLength: 1, maxLength: 255, unit: fc.nat(255).map((code) => String.fromCharCode(code)) })
const pages = fc.nat(2 ** 38).map((page) => page * 4096)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    name: fc.constantFrom('OPEN_RETURN_PATH', 'POSTCOPY_LISTEN', 'POSTCOPY_RUN', 'ENABLE_COLO', 'POSTCOPY_RESUME'),
  }),
  fc.record({ name: fc.constant('PING' as const), value: fc.nat(0xffffffff) }),
  fc.record({ name: fc.constant('POSTCOPY_ADVISE' as const) }),
  fc.record({
    name: fc.constant('POSTCOPY_ADVISE' as const),
    pageSizes: fc.record({ summary: pages, target: fc.constant(4096) }),
  }),
  fc.record({
    name: fc.constant('POSTCOPY_RAM_DISCARD' as const),
    block,
    ranges: fc.array(fc.record({ start: pages, length: pages }), { minLength: 1, maxLength: 12 }),
  }),
  fc.record({ name: fc.constant('PACKAGED' as const), length: fc.nat(0xffffffff) }),
  fc.record({ name: fc.constant('RECV_BITMAP' as const), block }),
)

function bytesOf(one: Command): Uint8Array {
  const buffer = new Uint8Array(1000)
  return buffer.slice(0, writeCommand(buffer, 0, one))
}

function read(bytes: Uint8Array): unknown {
  return readCommand(bytes[2]!, bytes, 5, bytes.length - 5)
}

const hexOf = (one: Command): string => Buffer.from(bytesOf(one)).toString('hex')

t.test('every command comes back', async (t) => {
  fc.assert(
    fc.property(command, (one) => {
      const bytes = bytesOf(one)
      t.equal((bytes[3]! << 8) | bytes[4]!, bytes.length - 5)
      t.strictSame(JSON.stringify(read(bytes)), JSON.stringify(one))
    }),
  )
})

t.test('as a real postcopy stream has them', async (t) => {
  t.equal(hexOf({ name: 'OPEN_RETURN_PATH' }), '0800010000')
  t.equal(hexOf({ name: 'PING', value: 1 }), '080002000400000001')
  t.equal(
    hexOf({ name: 'POSTCOPY_ADVISE', pageSizes: { summary: 4096, target: 4096 } }),
    '080003001000000000000010000000000000001000',
  )
  t.equal(hexOf({ name: 'PACKAGED', length: 0x324c }), '08000700040000324c')
  t.equal(
    hexOf({
      name: 'POSTCOPY_RAM_DISCARD',
      block: 'pc.ram',
      ranges: [
        { start: 0x1000, length: 0x1000 },
        { start: 0x425000, length: 0x1bdb000 },
      ],
    }),
    '0800060029000670632e72616d000000000000001000000000000000100000000000004250000000000001bdb000',
  )
})

t.test('refusals name the command and what was expected', async (t) => {
  const cases: readonly (readonly [RegExp, number, readonly number[]])[] = [
    [/MIG_CMD 0x0 unknown/, 0, []],
    [/MIG_CMD 0xb unknown/, 11, []],
    [/OPEN_RETURN_PATH received with bad length/, 1, [0]],
    [/PING received with bad length/, 2, [0, 0, 0]],
    [/POSTCOPY_ADVISE received with bad length/, 3, [0]],
    [/Page sizes of POSTCOPY_ADVISE do not fit/, 3, [0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 32, 0]],
    [/PACKAGED received with bad length/, 7, []],
    [/RECV_BITMAP received with bad length/, 10, []],
    [/RECV_BITMAP received with bad length/, 10, [0]],
    [/RECV_BITMAP received with bad length/, 10, [2, 65]],
    [/POSTCOPY_RAM_DISCARD received with bad length/, 6, [0, 1, 65, 0]],
    [/Unknown POSTCOPY_RAM_DISCARD version/, 6, [1, 1, 65, 0, ...Array.from({ length: 16 }, () => 0)]],
    [/Bad block name in POSTCOPY_RAM_DISCARD/, 6, [0, 0, 65, 0, ...Array.from({ length: 16 }, () => 0)]],
    [/Bad block name in POSTCOPY_RAM_DISCARD/, 6, [0, 1, 65, 1, ...Array.from({ length: 16 }, () => 0)]],
    [/POSTCOPY_RAM_DISCARD received with bad length/, 6, [0, 1, 65, 0, ...Array.from({ length: 17 }, () => 0)]],
    [/Bad range in POSTCOPY_RAM_DISCARD/, 6, [0, 1, 65, 0, ...Array.from({ length: 15 }, () => 0), 1]],
    [/Bad range in POSTCOPY_RAM_DISCARD/, 6, [0, 1, 65, 0, 255, ...Array.from({ length: 15 }, () => 0)]],
  ]
  for (const [message, number, payload] of cases) {
    const fault = readCommand(number, new Uint8Array(payload), 0, payload.length)
    if ('name' in fault) t.fail(`accepted ${number} ${payload.join(' ')}`)
    else t.match(fault.message, message)
  }
})

t.test('writers refuse what does not fit instead of writing short', async (t) => {
  t.throws(() => writeCommand(new Uint8Array(8), 0, { name: 'PING', value: 1 }), RangeError)
  const ranges = Array.from({ length: 5000 }, () => ({ start: 0, length: 4096 }))
  const wide: Command = { name: 'POSTCOPY_RAM_DISCARD', block: 'ram', ranges }
  t.throws(() => writeCommand(new Uint8Array(100_000), 0, wide), /at most 65535/)
  t.throws(() => countedName(''), RangeError)
  t.throws(() => countedName('x'.repeat(256)), RangeError)
  t.throws(() => countedName('\u0100'), RangeError)
})
