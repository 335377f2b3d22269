/**
 * The destination is another process, and is killed when the guest stands still: before, at and behind the commit. Before
 * it the source takes the guest back by itself; behind it once a fence says that the destination is dead; and where nobody
 * can say so, only by an operator's word (I1, I2, I4).
 */
import { Effect } from 'effect'
import { runState } from '../core/index.ts'
import {
  afterQuestion,
  back,
  both,
  FAST,
  killAtEach,
  runsThere,
  status,
  whenReached,
  type Moment,
} from './testing/kill.ts'
import { assertReturned } from './testing/party.ts'
import { realTest } from './testing/real-test.ts'
import { makeRelay } from './testing/relay.ts'
import type { Random } from './testing/seed.ts'
import { within } from './testing/watch.ts'

const moments = (random: Random): Moment[] => {
  const twice = <A>(make: () => A): A[] => [make(), make()]
  return [
    { label: 'pre-switchover', parameters: FAST, pause: 'stay', when: status('pre-switchover') },
    { label: 'device', parameters: FAST, pause: 'go-on', rule: back(8), when: status('device.preparing') },
    { label: 'behind the last page', parameters: FAST, rule: back(8), when: status('active.preparing') },
    ...twice(() => {
      const bytes = -random.integer(1, 4200)
      return {
        label: `${bytes} bytes from the question`,
        parameters: FAST,
        rule: afterQuestion(bytes),
        when: whenReached,
      }
    }),
    { label: 'the answer has come', parameters: FAST, rule: afterQuestion(0), when: status('active.committing') },
    ...twice(() => {
      const bytes = random.integer(1, 295)
      return {
        label: `${bytes} bytes of the end are there`,
        parameters: FAST,
        rule: afterQuestion(bytes),
        when: status('active.committing'),
      }
    }),
    {
      label: 'the guest runs there, and the source has not heard of it',
      parameters: FAST,
      rule: back(16),
      when: both(status('active.committing'), runsThere),
    },
    { label: 'the end mark', parameters: FAST, when: status('active.committing'), mayComplete: true },
  ]
}

realTest('killed around the commit', (t, random) =>
  Effect.gen(function* () {
    const { source, next } = yield* killAtEach(t, moments(random), 1)

    // Nobody can tell whether this one is dead: nobody runs the guest until an operator says so.
    const destination = yield* next('unfenced')
    const relay = yield* makeRelay(destination.uri, { ...back(16), action: 'hold', before: 'arrives' })
    yield* source.execute('migrate', { uri: relay.uri })
    yield* within('the end mark to be sent', relay.reached)
    destination.kill()
    t.equal(yield* source.settled, 'failed')
    t.match((yield* source.query)['error-desc'], /cannot be asked/)
    t.equal(runState(yield* source.process.state), 'postmigrate', 'the source stays stopped')
    yield* source.execute('cont')
    yield* assertReturned(t, source, 'taken back')
  }),
)
