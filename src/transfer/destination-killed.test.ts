/**
 * The destination is another process, and is killed while memory moves, at moments that a seed picks among the things that
 * happen: statuses, reports, passes, bytes on the wire. The run fails with a reason, and the source's guest runs on with
 * its memory intact, every time (I2, I9, I10, I11).
 */
import { Effect } from 'effect'
import { sha256 } from '../memory/node.ts'
import { programOfSpec, Replica } from './testing/guests.ts'
import {
  afterPass,
  afterReport,
  atPercent,
  FAST,
  guest,
  killAtEach,
  SLOW,
  status,
  whenReached,
  type Moment,
} from './testing/kill.ts'
import { realTest } from './testing/real-test.ts'
import type { Random } from './testing/seed.ts'

const moments = (random: Random): Moment[] => {
  const twice = (make: () => Moment): Moment[] => [make(), make()]
  return [
    { label: 'setup', parameters: SLOW, pause: 'stay', when: status('setup') },
    { label: 'active', parameters: SLOW, pause: 'stay', when: status('active') },
    ...twice(() => {
      const count = random.integer(1, 8)
      return { label: `report ${count}`, parameters: SLOW, pause: 'stay', when: afterReport(count) }
    }),
    ...twice(() => {
      const pass = random.integer(1, 4)
      return { label: `pass ${pass}`, parameters: SLOW, pause: 'stay', when: afterPass(pass) }
    }),
    ...twice(() => {
      const percent = random.integer(2, 99)
      return { label: `active at ${percent} %`, parameters: SLOW, pause: 'stay', when: atPercent(percent) }
    }),
    ...twice(() => {
      const bytes = random.integer(1, guest.memoryBytes)
      const rule = { direction: 'forward', from: 'start', bytes } as const
      return { label: `${bytes} bytes on the wire`, parameters: FAST, rule, when: whenReached }
    }),
  ]
}

realTest('killed while memory moves; one that is left alone then gets the guest', (t, random) =>
  Effect.gen(function* () {
    const { source, next } = yield* killAtEach(t, moments(random), 1)
    const destination = yield* next('fenced')
    yield* source.set(FAST)
    yield* source.setCapability('pause-before-switchover', false)
    t.equal(yield* source.migrate(destination.uri), 'completed', 'a destination that lives gets the guest')
    yield* destination.client.execute('stop')
    const there = (yield* destination.client.execute('x-switchover-memory')) as { counter: number; sha256: string }
    const replica = new Replica(programOfSpec(guest))
    t.equal(there.sha256, sha256(replica.at(there.counter)), 'with the right memory')
    t.ok(there.counter >= (yield* source.guest.counter), 'and nothing forgotten')
    yield* destination.client.execute('quit')
    t.match(yield* destination.exited, { code: 0 })
  }),
)
