/** The VM description: how long it says device sections are, and how a device tail is split by it. */
import t from 'tap'
import {
  StreamError,
  describeDevices,
  readVmDescription,
  splitDeviceTail,
  writeEof,
  writeSectionFull,
} from './index.ts'

const read = (json: unknown) => readVmDescription(new TextEncoder().encode(JSON.stringify(json)), 1000)

t.test('a payload is its fields and its subsections with their headers', async (t) => {
  const nested = { vmsd_name: 'a/c', version: 1, fields: [{ name: 'x', type: 'u8', size: 1 }] }
  const { pageSize, devices } = read({
    page_size: 4096,
    devices: [
      {
        name: 'a',
        instance_id: 3,
        vmsd_name: 'a',
        version: 1,
        fields: [
          { name: 'n', type: 'u32', size: 4 },
          { name: 'list', type: 'u64', array_len: 5, size: 8 },
          // The size of a struct includes what it nests.
          { name: 's', type: 'struct', size: 20, struct: { fields: [{ size: 16 }], subsections: [nested] } },
        ],
        subsections: [{ vmsd_name: 'a/bb', version: 1, fields: [{ name: 'y', size: 2 }], subsections: [nested] }],
      },
      { name: 'old', instance_id: 0, size: 7, fields: [{ name: 'data', size: 7, type: 'buffer' }] },
    ],
  })
  t.equal(pageSize, 4096)
  t.strictSame(devices, [
    { name: 'a', instance: 3, length: 4 + 40 + 20 + (1 + 1 + 4 + 4 + 2 + (1 + 1 + 3 + 4 + 1)) },
    { name: 'old', instance: 0, length: 7 },
  ])
})

t.test('our own description is ASCII and reads back, whatever the names are made of', async (t) => {
  const text = describeDevices([{ idstr: 'caf\u00e9 "\u0000\u007f', instance: 2, version: 1, length: 9 }])
  t.match(text, /^\{"page_size": 4096, "devices": \[\{"name": [ -~]*$/)
  t.strictSame(readVmDescription(new TextEncoder().encode(text), 0).devices, [
    { name: 'caf\u00e9 "\u0000\u007f', instance: 2, length: 9 },
  ])
  t.equal(describeDevices([]), '{"page_size": 4096, "devices": []}')
})

t.test('what is no description is refused at its place', async (t) => {
  let deep: unknown = { vmsd_name: 'x', fields: [] }
  for (let depth = 0; depth < 200; depth++) deep = { vmsd_name: 'x', fields: [], subsections: [deep] }
  const device = { name: 'a', instance_id: 0 }
  const cases: readonly unknown[] = [
    [],
    null,
    { devices: {} },
    { devices: [null] },
    { devices: [{ instance_id: 0 }] },
    { devices: [{ name: 'a' }] },
    { devices: [{ ...device, fields: [{ size: -1 }] }] },
    { devices: [{ ...device, fields: [{ size: 1, array_len: 0.5 }] }] },
    { devices: [{ ...device, fields: [{ size: 2 ** 52, array_len: 8 }] }] },
    { devices: [{ ...device, subsections: [deep] }] },
    { page_size: 'big', devices: [] },
  ]
  for (const json of cases) {
    t.throws(() => read(json), /Bad vmdescription section \(at byte 1000:/)
  }
  t.throws(() => readVmDescription(new Uint8Array([0xff, 0x7b]), 0), StreamError)
  t.throws(() => readVmDescription(new TextEncoder().encode('{"devices": ['), 0), StreamError)
})

t.test('a tail is split only where everything agrees', async (t) => {
  const tail = new Uint8Array(100)
  const section = { id: 4, idstr: 'cpu', instance: 1, version: 2 }
  const payloadAt = writeSectionFull(tail, 0, section)
  const end = writeEof(tail, payloadAt + 6)
  const split = (name: string, instance: number, length: number, footers = false) =>
    splitDeviceTail(tail, end, [{ name, instance, length }], footers, 500)
  t.strictSame(split('cpu', 1, 6), [{ section, at: payloadAt, length: 6 }])
  t.throws(() => split('cpu', 1, 5), StreamError)
  t.throws(() => split('cpu', 1, 7), StreamError)
  // A description may claim any length; the place of the error is still one of the tail.
  t.throws(() => split('cpu', 1, 2 ** 50, true), new RegExp(`disagree \\(at byte ${500 + end}:`))
  t.throws(() => split('cpu', 0, 6), /disagree \(at byte 500:/)
  t.throws(() => split('gpu', 1, 6), StreamError)
  t.throws(() => split('cpu', 1, 6, true), StreamError)
  t.throws(() => splitDeviceTail(tail, end, [], false, 500), StreamError)
})
