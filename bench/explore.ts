/**
 * The explorer beside others, on the same models in one run: spin (compiled with -O2, depth first, which it is fastest at,
 * and breadth first, which is what finds shortest ways), and xstate/graph on one chart. A rate is of the search alone; what it
 * takes to get there is printed beside it.
 */

import { getAdjacencyMap } from 'xstate/graph'
import { outgoingMachine } from '../machines/index.ts'
import { alphabet, compile, DenseTable, explore, modelOf, World, type Model } from '../src/explore/index.ts'
import { missingSpin, runSpin } from '../src/explore/export/spin.ts'

interface Measured {
  readonly states: number
  readonly seconds: number
  /** Until the search could begin: generating, translating, compiling. */
  readonly preparationSeconds: number
}

interface Contender {
  readonly name: string
  readonly run: () => Promise<Measured>
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const ours = (model: () => Model): Contender => ({
  name: 'switchover, breadth first',
  run: async () => {
    const made = model()
    const started = performance.now()
    const { states, millis } = explore(made)
    return { states, seconds: millis / 1000, preparationSeconds: (performance.now() - started - millis) / 1000 }
  },
})

const spin = (model: () => Model, search: 'breadth' | 'depth'): Contender => ({
  name: `spin -O2, ${search} first`,
  run: async () => {
    const world = new World(model())
    const started = performance.now()
    const { states, seconds } = await runSpin(world, { search, optimisation: '-O2' })
    return { states, seconds, preparationSeconds: (performance.now() - started) / 1000 - seconds }
  },
})

const timed = (walk: () => number): Measured => {
  const started = performance.now()
  const states = walk()
  return { states, seconds: (performance.now() - started) / 1000, preparationSeconds: 0 }
}

const machine = () => outgoingMachine({ profile: '7.2' })

const onChart: readonly Contender[] = [
  {
    name: 'switchover, compiled chart',
    run: async () => {
      const started = performance.now()
      const automaton = compile(machine(), alphabet)
      const preparationSeconds = (performance.now() - started) / 1000
      const walked = timed(() => {
        const table = new DenseTable(automaton)
        for (let state = 0; state < table.size; state++)
          for (let event = 1; event <= automaton.alphabet; event++) table.step(state, event)
        return table.size
      })
      return { ...walked, preparationSeconds }
    },
  },
  {
    name: 'xstate/graph',
    run: async () =>
      timed(() => Object.keys(getAdjacencyMap(machine(), { events: [...alphabet] as never, limit: Infinity })).length),
  },
]

const modelNamed =
  (name: string, options: object = {}) =>
  () =>
    modelOf(name)!.make(options)

const series = async (title: string, contenders: readonly Contender[], runs: number): Promise<object> => {
  const rows = []
  for (const { name, run } of contenders) {
    const found: Measured[] = []
    for (let number = 0; number < runs; number++) {
      found.push(await run())
      console.error(`${title}, ${name}: run ${number + 1} of ${runs}`)
    }
    const rates = found.map(({ states, seconds }) => states / seconds)
    rows.push({
      contender: name,
      states: found[0]!.states,
      statesPerSecond: median(rates),
      range: [Math.min(...rates), Math.max(...rates)],
      preparationSeconds: median(found.map((each) => each.preparationSeconds)),
    })
  }
  const [first] = rows
  return {
    title,
    contenders: rows.map((row) => ({ ...row, ratio: first!.statesPerSecond / row.statesPerSecond })),
  }
}

type Series = {
  readonly title: string
  readonly contenders: readonly {
    readonly contender: string
    readonly states: number
    readonly statesPerSecond: number
    readonly range: readonly number[]
    readonly preparationSeconds: number
    readonly ratio: number
  }[]
}

const thousands = (value: number): string => `${(value / 1000).toFixed(0)} k`

const tableOf = ({ title, contenders }: Series): string =>
  [
    title,
    ...contenders.map(({ contender, states, statesPerSecond, range, preparationSeconds, ratio }) =>
      [
        `  ${contender.padEnd(28)}`,
        `${String(states).padStart(9)} states`,
        `${thousands(statesPerSecond).padStart(8)} states/s (${range.map(thousands).join(' to ')})`,
        `${preparationSeconds.toFixed(2).padStart(7)} s to prepare`,
        ratio === 1 ? '' : `  x ${ratio.toFixed(1)}`,
      ].join(''),
    ),
  ].join('\n')

/** Runs all of it, and prints a table or one JSON document. */
export const benchExplorers = async (runs: number, json: boolean): Promise<void> => {
  const missing = await missingSpin()
  const models = [
    ['pair (7.2, guest)', modelNamed('pair', { profile: '7.2', guest: true })],
    ['two-runs (2.11)', modelNamed('two-runs')],
  ] as const
  const all = [await series('the chart of the outgoing side (7.2)', onChart, runs)]
  for (const [title, model] of models) {
    const others = missing === undefined ? [spin(model, 'depth'), spin(model, 'breadth')] : []
    all.push(await series(title, [ours(model), ...others], runs))
  }
  if (missing !== undefined) console.error(`spin is not measured: ${missing}`)
  process.stdout.write(
    json ? `${JSON.stringify(all, undefined, 2)}\n` : `${all.map((each) => tableOf(each as Series)).join('\n\n')}\n`,
  )
}
