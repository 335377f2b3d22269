/**
 * `switchover mutants`: seeds bugs one by one and shows which property kills each. Two kinds: the bugs of the catalogue,
 * and every edge, guard and action of the charts left out or led elsewhere.
 */
import { availableParallelism } from 'node:os'
import { Console, Effect } from 'effect'
import { Command, Flag } from 'effect/cli'
import type { Profile } from '../../machines/index.ts'
import { catalogueMatrix, type CatalogueRow } from '../../properties/suites/catalogue-matrix.ts'
import { chartKillMatrix } from '../../properties/suites/chart-kill-matrix.ts'
import type { ChartKill } from '../../properties/suites/chart-kills.ts'
import { Failure, WrongUsage } from './failure.ts'

interface Options {
  readonly of: 'catalogue' | 'charts'
  readonly profile: Profile
  readonly only: string
  readonly every: number
  readonly threads: number
  readonly json: boolean
}

const median = (numbers: readonly number[]): number | undefined =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

const lengths = (rows: readonly { readonly shortest?: number }[]): string => {
  const known = rows.flatMap(({ shortest }) => shortest ?? [])
  return `median of the shortest ways: ${median(known) ?? 'none'} (${known.length} of ${rows.length} told, longest ${Math.max(0, ...known)})`
}

const catalogue = Effect.fn('mutants.catalogue')(function* (options: Options) {
  const out = yield* Console.Console
  const rows: CatalogueRow[] = []
  if (!options.json) out.log('mutant  layer    steps  killed by; what it does wrong')
  yield* Effect.promise(() =>
    catalogueMatrix(
      (row) => {
        rows.push(row)
        const { mutant, title, layer, kills, missed, shortest } = row
        const text = [
          mutant.padEnd(7),
          layer.padEnd(8),
          String(shortest ?? '-').padStart(5),
          ` ${kills.join(' ') || 'NOTHING'}${missed.length === 0 ? '' : ` (MISSED BY ${missed.join(' ')})`}; ${title}`,
        ]
        out.log(options.json ? JSON.stringify(row) : text.join(' '))
      },
      (mutant) => mutant.includes(options.only),
    ),
  )
  if (rows.length === 0) return yield* new WrongUsage({ reason: `only: no mutant has ${options.only} in its name` })
  const killed = rows.filter(({ missed }) => missed.length === 0)
  if (!options.json)
    yield* Console.log(
      `${killed.length} of ${rows.length} killed by every property that has to notice; ${lengths(rows)}`,
    )
  if (killed.length < rows.length)
    return yield* new Failure({
      reason: `${rows.length - killed.length} of ${rows.length} are not noticed as they have to be`,
    })
})

/** A row as whoever reads a kill matrix wants it. */
const chartRow = ({ mutant, kind, verdict, kills, shortest, where, reason }: ChartKill): object => ({
  mutant,
  title: kind,
  kills,
  missed: [],
  ...(shortest === undefined ? {} : { shortest }),
  verdict,
  ...(where === undefined ? {} : { where }),
  ...(reason === undefined ? {} : { reason }),
})

const chartLine = ({ mutant, verdict, kills, shortest, where, reason }: ChartKill): string =>
  `${verdict.padEnd(9)}${String(shortest ?? '-').padStart(4)}  ${mutant}\n${' '.repeat(15)}${
    verdict === 'killed' ? `${kills.join(', ')}; ${where}` : reason
  }`

const charts = Effect.fn('mutants.charts')(function* (options: Options) {
  const out = yield* Console.Console
  const { profile, threads, only, every } = options
  const kills = yield* Effect.promise(() =>
    chartKillMatrix({
      profile,
      threads,
      only,
      every,
      onKill: (kill, done, all) => {
        out.log(options.json ? JSON.stringify(chartRow(kill)) : chartLine(kill))
        if (done % 50 === 0) out.error(`${done} of ${all}`)
      },
    }),
  )
  if (kills.length === 0) return yield* new WrongUsage({ reason: `only: no mutant has ${only} in its text` })
  const count = (verdict: ChartKill['verdict']) => kills.filter((kill) => kill.verdict === verdict).length
  const killed = kills.filter(({ verdict }) => verdict === 'killed')
  if (!options.json)
    yield* Console.log(
      `${kills.length} mutants of the charts (${profile}): ${count('killed')} killed, ${count('same')} answer as the chart does wherever a model leads, ${count('survived')} survive; ${lengths(killed)}`,
    )
  if (count('survived') > 0) return yield* new Failure({ reason: `${count('survived')} survive` })
})

export const mutants = Command.make(
  'mutants',
  {
    of: Flag.Literals('of', ['catalogue', 'charts']).pipe(
      Flag.withDescription(
        'catalogue: the known bugs, seeded into core and runtime; charts: every edge, guard and action left out or led elsewhere',
      ),
      Flag.withDefault('catalogue' as const),
    ),
    profile: Flag.Literals('profile', ['2.11', '7.2']).pipe(
      Flag.withDescription('charts: of which profile'),
      Flag.withDefault('2.11' as const),
    ),
    only: Flag.String('only').pipe(
      Flag.withDescription('mutants that have this in their name; of the charts, in the text of the edge'),
      Flag.withDefault(''),
    ),
    every: Flag.Int('every').pipe(
      Flag.withDescription('charts: every so many of them, for a sample'),
      Flag.withDefault(1),
    ),
    threads: Flag.Int('threads').pipe(
      Flag.withDescription('charts: how many at a time'),
      Flag.withDefault(availableParallelism()),
    ),
    json: Flag.Boolean('json').pipe(
      Flag.withDescription('one JSON line a mutant: a kill matrix that switchover view opens'),
      Flag.withDefault(false),
    ),
  },
  (options) => (options.of === 'charts' ? charts(options) : catalogue(options)),
).pipe(Command.withDescription('Seed bugs one by one, and show which property kills each and how few steps it takes'))
