/** A guest that stands still arrives as it stood: the destination takes over the run state of the source (section 2.3). */
import { Effect } from 'effect'
import { runState } from '../core/index.ts'
import { differingPages } from '../memory/index.ts'
import { smallGuest } from './testing/guests.ts'
import { makeDestination, makeSource, type Source } from './testing/party.ts'
import { realTest } from './testing/real-test.ts'

const guest = smallGuest()

const stop = (source: Source) => source.execute('stop')

const ways = {
  paused: stop,
  prelaunch: (source: Source) => Effect.andThen(stop(source), source.execute('system_reset')),
}

for (const [state, reach] of Object.entries(ways))
  realTest(`${state} on the source, ${state} on the destination`, (t) =>
    Effect.gen(function* () {
      const source = yield* makeSource(guest)
      yield* reach(source)
      t.equal(runState(yield* source.process.state), state)
      const destination = yield* makeDestination(guest)
      t.equal(yield* source.migrate(destination.uri), 'completed')
      yield* destination.watch.until('the arrival', (now) => runState(now) !== 'inmigrate')
      t.equal(runState(yield* destination.process.state), state)
      t.equal(destination.starts(), 0, 'nobody started it')
      t.equal(differingPages(source.memory, destination.memory).count, 0, 'the same memory')
    }),
  )
