/**
 * What we write, readers that we did not write read: SCXML by state-machine-cat, DOT by Graphviz. They find the same
 * states and the same transitions, for every chart, profile and union with quirks. SVG and Mermaid need a browser and are
 * read in `src/view/browser.test.ts`.
 */
import { Graphviz } from '@hpcc-js/wasm-graphviz'
import { render } from 'state-machine-cat'
import t from 'tap'
import { chartModel, chartNamed, chartNames, chartWithQuirks, dotOf, scxmlOf, type ChartModel } from './index.ts'

interface ForeignMachine {
  readonly states: readonly { readonly name: string; readonly type: string; readonly statemachine?: ForeignMachine }[]
  readonly transitions?: readonly { from: string; to: string; event?: string; cond?: string }[]
}

const charts: readonly (readonly [string, ChartModel])[] = chartNames.flatMap((name) =>
  (['2.11', '7.2'] as const).flatMap((profile): (readonly [string, ChartModel])[] => {
    const machine = chartNamed(name, { profile })
    const united = chartWithQuirks(name, { profile })
    if (machine === undefined || united === undefined) throw new Error(`expected a chart ${name}, found none`)
    return [
      [`${name} ${profile}`, chartModel(machine)],
      [`${name} ${profile} with quirks`, united],
    ]
  }),
)

/** Where a machine starts is a pseudostate with a transition to a reader; to us it is said by the state around it. */
const isStart = (name: string): boolean => name.startsWith('initial')

const statesIn = ({ states }: ForeignMachine): readonly string[] =>
  states.flatMap(({ name, statemachine }) => [
    ...(isStart(name) ? [] : [name]),
    ...(statemachine === undefined ? [] : statesIn(statemachine)),
  ])

const transitionsIn = ({ states, transitions = [] }: ForeignMachine): readonly string[] => [
  ...transitions
    .filter(({ from }) => !isStart(from))
    .map(({ from, to, event, cond }) => `${from} ${to} ${event ?? 'always'} ${cond ?? ''}`),
  ...states.flatMap(({ statemachine }) => (statemachine === undefined ? [] : transitionsIn(statemachine))),
]

/** As our own charts have them; a transition that stays is a loop for a reader that knows arrows only. */
const ownTransitions = ({ transitions }: ChartModel): readonly string[] =>
  transitions.flatMap(({ from, to, event, guard }) =>
    (to.length === 0 ? [from] : to).map((target) => `${from} ${target} ${event} ${guard ?? ''}`),
  )

const sorted = (list: readonly string[]): readonly string[] => [...list].sort()

t.test('state-machine-cat reads every SCXML document, state by state and transition by transition', async (t) => {
  for (const [name, chart] of charts) {
    const read = (await render(scxmlOf(chart), { inputType: 'scxml', outputType: 'json' })) as unknown as ForeignMachine
    t.strictSame(sorted(statesIn(read)), sorted(chart.states.map(({ id }) => id)), `${name}: states`)
    t.strictSame(sorted(transitionsIn(read)), sorted(ownTransitions(chart)), `${name}: transitions`)
    t.comment(`${name}: ${chart.states.length} states, ${chart.transitions.length} transitions in SCXML`)
  }
})

interface ForeignGraph {
  readonly objects: readonly { readonly name: string; readonly nodes?: readonly number[]; readonly shape?: string }[]
  readonly edges: readonly { readonly id?: string; readonly tail: number; readonly head: number }[]
}

t.test('Graphviz reads and draws every DOT document', async (t) => {
  const graphviz = await Graphviz.load()
  for (const [name, chart] of charts) {
    const { objects, edges } = JSON.parse(graphviz.layout(dotOf(chart), 'json', 'dot')) as ForeignGraph
    const found = objects.filter(({ shape }) => shape !== 'point').map((each) => each.name.replace(/^cluster_/, ''))
    t.strictSame(sorted(found), sorted(chart.states.map(({ id }) => id)), `${name}: states`)
    const ids = edges.flatMap(({ id }) => (id === undefined ? [] : [id]))
    t.strictSame(sorted(ids), sorted(chart.transitions.map(({ id }) => id)), `${name}: transitions`)
    t.comment(`${name}: ${found.length} states, ${ids.length} transitions in DOT`)
  }
})

t.test('the readers notice what is missing', async (t) => {
  const [, chart] = charts[0] as readonly [string, ChartModel]
  const less = { ...chart, transitions: chart.transitions.slice(1) }
  const read = (await render(scxmlOf(less), { inputType: 'scxml', outputType: 'json' })) as unknown as ForeignMachine
  t.equal(transitionsIn(read).length, ownTransitions(chart).length - 1)
})
