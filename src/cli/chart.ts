/** `switchover chart`: prints a chart of `machines/` for a person, a drawing tool or another program to read. */
import { Console, Effect, Option } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import type { Profile, QuirkId } from '../../machines/index.ts'
import {
  chartModel,
  chartNamed,
  chartNames,
  dotOf,
  foldableIn,
  layOut,
  mermaidOf,
  scxmlOf,
  svgOf,
  uniteCharts,
  type ChartModel,
  type ChartVariantOptions,
} from '../chart/index.ts'
import { WrongUsage } from './failure.ts'
import { quirksNamed } from './quirk-option.ts'

const formats = ['svg', 'mermaid', 'dot', 'scxml', 'json'] as const

interface Options {
  readonly machine: Option.Option<string>
  readonly format: Option.Option<(typeof formats)[number]>
  readonly profile: Profile
  readonly quirk: readonly string[]
  readonly diff: Option.Option<Profile>
  readonly incoming: boolean
  readonly collapse: boolean
  readonly json: boolean
}

const modelNamed = (name: string, options: ChartVariantOptions): Effect.Effect<ChartModel, WrongUsage> => {
  const machine = chartNamed(name, options)
  return machine === undefined
    ? Effect.fail(new WrongUsage({ reason: `MACHINE: expected one of ${chartNames.join(', ')}; found ${name}` }))
    : Effect.succeed(chartModel(machine))
}

const list = Effect.fn('chart.list')(function* (options: Options) {
  const rows = []
  for (const name of chartNames) {
    const { states, transitions } = yield* modelNamed(name, { profile: options.profile })
    rows.push({
      name,
      states: states.length,
      transitions: transitions.length,
      description: states[0]?.description ?? '',
    })
  }
  if (options.json || Option.contains(options.format, 'json')) return yield* Console.log(JSON.stringify(rows))
  const width = Math.max(...chartNames.map((name) => name.length))
  yield* Console.log(`chart${' '.repeat(width - 3)}states  transitions`)
  for (const { name, states, transitions, description } of rows)
    yield* Console.log(
      `${name.padEnd(width)}  ${String(states).padStart(6)}  ${String(transitions).padStart(11)}  ${description}`,
    )
})

/** What the chosen variant is compared with, and how both are labelled. */
const difference = Effect.fn('chart.difference')(function* (name: string, options: Options, chosen: ChartModel) {
  if (Option.isNone(options.diff)) return chosen
  const before = options.diff.value
  const label = [options.profile, ...options.quirk].join('+')
  if (label === before)
    return yield* new WrongUsage({ reason: `--diff: expected another variant than the chart’s own, found ${before}` })
  const chart = yield* modelNamed(name, { profile: before, ...(options.incoming ? { incoming: true } : {}) })
  return uniteCharts([
    { label: before, chart },
    { label, chart: chosen },
  ])
})

const drawn = Effect.fn('chart.draw')(function* (chart: ChartModel, collapse: boolean) {
  const drawing = yield* Effect.promise(() => layOut(chart, new Set(collapse ? foldableIn(chart) : [])))
  return svgOf(chart, drawing)
})

const run = Effect.fn('chart')(function* (options: Options) {
  if (Option.isNone(options.machine)) return yield* list(options)
  const name = options.machine.value
  const quirks: readonly QuirkId[] = yield* quirksNamed(options.quirk, options.profile)
  const chosen = yield* modelNamed(name, {
    profile: options.profile,
    quirks: new Set(quirks),
    ...(options.incoming ? { incoming: true } : {}),
  })
  const chart = yield* difference(name, options, chosen)
  switch (options.json ? 'json' : Option.getOrElse(options.format, () => 'svg' as const)) {
    case 'svg':
      return yield* Console.log(yield* drawn(chart, options.collapse))
    case 'mermaid':
      return yield* Console.log(mermaidOf(chart))
    case 'dot':
      return yield* Console.log(dotOf(chart))
    case 'scxml':
      return yield* Console.log(scxmlOf(chart))
    case 'json':
      return yield* Console.log(JSON.stringify(chart))
  }
})

export const chart = Command.make(
  'chart',
  {
    machine: Argument.String('machine').pipe(
      Argument.withDescription('a chart by name; without one, all are listed'),
      Argument.optional,
    ),
    format: Flag.Literals('format', formats).pipe(
      Flag.withDescription('svg (the default), mermaid, dot, scxml or json'),
      Flag.optional,
    ),
    profile: Flag.Literals('profile', ['2.11', '7.2']).pipe(
      Flag.withDescription('the version of QEMU that the chart describes'),
      Flag.withDefault('2.11' as const),
    ),
    quirk: Flag.String('quirk').pipe(
      Flag.withDescription('a known defect to draw into the chart, by its id, or all; may be repeated'),
      Flag.atLeast(0),
    ),
    diff: Flag.Literals('diff', ['2.11', '7.2']).pipe(
      Flag.withDescription('mark what differs from the chart of this profile without quirks'),
      Flag.optional,
    ),
    incoming: Flag.Boolean('incoming').pipe(
      Flag.withDescription('the chart of a process that was started with -incoming'),
      Flag.withDefault(false),
    ),
    collapse: Flag.Boolean('collapse').pipe(
      Flag.withDescription('svg: leave out what is inside the top states'),
      Flag.withDefault(false),
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('the same as --format json'), Flag.withDefault(false)),
  },
  run,
).pipe(Command.withDescription('Print a state chart, drawn from the machine that executes'))
