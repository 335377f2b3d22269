/** `switchover check --system schedules`: the races of the runtime under every order of their fibers, or so many. */
import { Console, Effect, Option } from 'effect'
import { formatChoices, parseChoices, replayRace, searchRace, type Scheduled } from '../../properties/schedules/race.ts'
import { races } from '../../properties/schedules/races.ts'
import { ourRuntime } from '../../properties/worlds/runtime-world.ts'
import { Failure, WrongUsage } from './failure.ts'

interface Options {
  readonly runs: number
  readonly property: string
  readonly replay: Option.Option<string>
  readonly json: boolean
}

const PREFIX = 'switchover-schedule'

const brokenText = (breaches: Scheduled['breaches']): readonly string[] =>
  breaches.map(({ property, violations }) => `    ${property.id} ${property.title}: ${violations[0]}`)

const raceOf = (id: string | undefined) => {
  const race = races.find((each) => each.id === id)
  return race === undefined
    ? Effect.fail(new WrongUsage({ reason: `expected one of ${races.map((each) => each.id).join(', ')}, found ${id}` }))
    : Effect.succeed(race)
}

const replay = Effect.fn('check.schedules.replay')(function* (token: string) {
  const [, id, choices = ''] = new RegExp(`${PREFIX}:([\\w-]+):([\\d.]*)`).exec(token) ?? []
  const race = yield* raceOf(id)
  const { breaches } = yield* Effect.promise(() => replayRace(race, ourRuntime, parseChoices(choices)))
  yield* Console.log([`${race.title}: ${breaches.length} broken`, ...brokenText(breaches)].join('\n'))
  if (breaches.length > 0) return yield* new Failure({ reason: 'a property is violated' })
})

/** See the head of this file. */
export const checkSchedules = Effect.fn('check.schedules')(function* (options: Options) {
  const token = Option.getOrUndefined(options.replay)
  if (token !== undefined) return yield* replay(token)
  const wanted = options.property === 'all' ? races : [yield* raceOf(options.property)]
  let schedules = 0
  let broken = 0
  for (const race of wanted) {
    const result = yield* Effect.promise(() =>
      searchRace(race, ourRuntime, { schedulesMax: options.runs, goesOn: true }),
    )
    schedules += result.schedules
    broken += result.broken
    const again = result.found && `${PREFIX}:${race.id}:${formatChoices(result.found.choices)}`
    yield* Console.log(
      options.json
        ? JSON.stringify({ ...result, token: again })
        : [
            `${race.id.padEnd(20)}${String(result.schedules).padStart(6)} schedules${result.complete ? ', all there are' : ''}, ${result.broken} broken; ${race.title}, ${race.decisionsMax} decisions`,
            ...(result.found === undefined
              ? []
              : [...brokenText(result.found.breaches), `    again with --system schedules --replay ${again}`]),
          ].join('\n'),
    )
  }
  if (!options.json) yield* Console.log(`${schedules} schedules, ${broken} broken`)
  if (broken > 0) return yield* new Failure({ reason: 'a property is violated' })
})
