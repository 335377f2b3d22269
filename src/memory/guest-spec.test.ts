import t from 'tap'
import { formatGuestSpec, parseGuestSpec, WRITING_GUEST_DEFAULTS } from './guest-spec.ts'

t.test('a writing guest has defaults for every option', async (t) => {
  t.same(parseGuestSpec('write:'), WRITING_GUEST_DEFAULTS)
  t.same(parseGuestSpec('write'), WRITING_GUEST_DEFAULTS)
  t.same(parseGuestSpec('write:seed=1,rate=20000,working-set=64M,size=256M'), WRITING_GUEST_DEFAULTS)
  t.same(parseGuestSpec('write:size=4G,seed=9,working-set=2G,rate=0'), {
    kind: 'write',
    seed: 9,
    pagesPerSecond: 0,
    workingSetBytes: 2 ** 31,
    memoryBytes: 2 ** 32,
  })
})

t.test('the working set not given shrinks with the memory', async (t) => {
  t.match(parseGuestSpec('write:size=16M'), { workingSetBytes: 2 ** 24, memoryBytes: 2 ** 24 })
})

t.test('an image is a directory, colons, commas and all', async (t) => {
  t.same(parseGuestSpec('image:/a:b,c=d'), { kind: 'image', directory: '/a:b,c=d' })
})

t.test('a formatted spec reads back', async (t) => {
  for (const text of [
    'write:seed=7,rate=3,working-set=12K,size=1G',
    'write:seed=7,rate=3,working-set=12K,size=1G,packets=3,noise=2,disk=1M,disk-rate=1',
    'write:seed=7,rate=3,working-set=12K,size=1G,sparse=9,wipe=4',
    'image:some/where',
  ])
    t.equal(formatGuestSpec(parseGuestSpec(text)), text)
})

t.test('what cannot be read says what can', async (t) => {
  for (const [text, expected] of [
    ['', 'write:seed=,rate=,working-set=,size=,sparse=,wipe=,packets=,noise=,disk=,disk-rate= or image:DIR'],
    ['idle:', 'write:seed=,rate=,working-set=,size=,sparse=,wipe=,packets=,noise=,disk=,disk-rate= or image:DIR'],
    ['image:', 'image:DIR with the directory of a recording'],
    ['image', 'image:DIR with the directory of a recording'],
    ['write:colour=red', 'seed=, rate=, working-set=, size='],
    ['write:seed', 'seed=, rate=, working-set=, size='],
    ['write:seed=1,', 'seed=, rate=, working-set=, size='],
    ['write:seed=1,seed=2', 'seed at most once'],
    ['write:seed=-1', 'a whole number >= 0'],
    ['write:rate=1.5', 'a whole number >= 0'],
    ['write:seed=', 'a whole number >= 0'],
    ['write:size=5000', 'a size of whole pages (multiples of 4K), at most 16T'],
    ['write:size=0', 'a size of whole pages (multiples of 4K), at most 16T'],
    ['write:size=big', 'a size of whole pages (multiples of 4K), at most 16T'],
    ['write:size=17T', 'a size of whole pages (multiples of 4K), at most 16T'],
    ['write:rate=10,packets=11', 'a whole number from 0 to its rate of 10'],
    ['write:rate=10,disk=4K,disk-rate=11', 'a whole number from 0 to its rate of 10'],
    ['write:disk-rate=1', 'disk= beside it'],
    ['write:sparse=0', 'a whole number >= 1'],
    ['write:size=8K,working-set=12K', 'a size of whole pages (multiples of 4K), at most 8K'],
  ] as const)
    t.throws(() => parseGuestSpec(text), { name: 'GuestSpecError', expected }, text)
})
