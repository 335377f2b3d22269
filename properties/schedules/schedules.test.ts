/** A scheduler that owns the order of fibers: on a program whose schedules can be counted, and on the races of the runtime. */
import { Effect, Scheduler } from 'effect'
import t from 'tap'
import { raceMutants } from '../mutants/race-mutants.ts'
import { ourRuntime } from '../worlds/runtime-world.ts'
import { OwnedScheduler, type Choose } from './owned-scheduler.ts'
import { formatChoices, parseChoices, replayRace, searchRace } from './race.ts'
import { races } from './races.ts'
import { following, nextChoices, pct } from './strategy.ts'

/** Three fibers, each of which lets others go first, reads a number, lets others go, and writes it plus one. */
const lostUpdate = async (choose: Choose) => {
  const scheduler = new OwnedScheduler()
  scheduler.decide(choose, 100)
  let shared = 0
  const trace: string[] = []
  const increment = (name: string) =>
    Effect.gen(function* () {
      yield* Effect.yieldNow
      const seen = shared
      trace.push(`${name} reads`)
      yield* Effect.yieldNow
      shared = seen + 1
      trace.push(`${name} writes`)
    })
  await Effect.runPromise(
    Effect.all(['a', 'b', 'c'].map(increment), { concurrency: 'unbounded' }).pipe(
      Effect.provideService(Scheduler.Scheduler, scheduler),
    ),
  )
  return { shared, trace: trace.join(', '), decisions: scheduler.decisions }
}

t.test('every schedule of a small program, once', async (t) => {
  const traces = new Map<string, number>()
  let schedules = 0
  for (let choices: readonly number[] | undefined = []; choices !== undefined;) {
    const run: Awaited<ReturnType<typeof lostUpdate>> = await lostUpdate(following(choices))
    schedules++
    traces.set(run.trace, run.shared)
    choices = nextChoices(run.decisions)
  }
  // Three pairs, each in its order: 6! / 2!^3.
  t.equal(traces.size, 90)
  t.comment(`${schedules} schedules, ${traces.size} orders`)
  t.strictSame([...new Set(traces.values())].sort(), [1, 2, 3], 'every number of lost updates is met')
})

t.test('a list of choices makes the same run again', async (t) => {
  const first = await lostUpdate(pct({ seed: 5, decisionsMax: 10 }))
  const again = await lostUpdate(following(parseChoices(formatChoices(first.decisions.map(({ picked }) => picked)))))
  t.equal(again.trace, first.trace)
})

t.test('at random: seeds give other orders, the same seed the same', async (t) => {
  const runs = await Promise.all(Array.from({ length: 40 }, (_, seed) => lostUpdate(pct({ seed, decisionsMax: 10 }))))
  t.ok(new Set(runs.map(({ trace }) => trace)).size > 10)
  t.equal((await lostUpdate(pct({ seed: 7, decisionsMax: 10 }))).trace, runs[7]!.trace)
})

/** What a test can afford of each race; `switchover check --system schedules` takes more. */
const SCHEDULES = 12

t.test('no schedule of a race breaks anything, one after the other and at random', async (t) => {
  for (const race of races) {
    const options = { schedulesMax: SCHEDULES, goesOn: true }
    const inOrder = await searchRace(race, ourRuntime, options)
    const atRandom = await searchRace(race, ourRuntime, { ...options, seed: 1 })
    for (const { broken, found } of [inOrder, atRandom])
      t.equal(broken, 0, `${race.title}: ${JSON.stringify(found?.breaches.map(({ violations }) => violations) ?? [])}`)
  }
})

t.test('each historic race comes back with its bug, and again from its choices', async (t) => {
  for (const { id, title, system, killedBy, races: wanted } of raceMutants) {
    const race = races.find((each) => wanted.includes(each.id))
    const { schedules, found } = await searchRace(race!, system, { schedulesMax: 60 })
    t.ok(found, `${id}: ${title}`)
    t.comment(`${id} in ${race!.id} after ${schedules} schedules: ${formatChoices(found?.choices ?? [])}`)
    const kills = (breaches: NonNullable<typeof found>['breaches']) => breaches.map(({ property }) => property.id)
    t.ok(killedBy.every((each) => kills(found!.breaches).includes(each as never)))
    const again = await replayRace(race!, system, found!.choices)
    t.strictSame(kills(again.breaches), kills(found!.breaches))
  }
})
