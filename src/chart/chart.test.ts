/** Charts as data: what the model of a machine says, what a union of variants marks, and how a layout keeps all of it. */
import t from 'tap'
import * as machines from '../../machines/index.ts'
import { edgesOf } from '../explore/chart-edge.ts'
import {
  chartModel,
  chartNamed,
  chartNames,
  chartWithQuirks,
  layOut,
  svgOf,
  uniteCharts,
  type ChartModel,
} from './index.ts'

const model = (name: string, options = {}): ChartModel => {
  const machine = chartNamed(name, options)
  if (machine === undefined) throw new Error(`expected a chart ${name}, found none`)
  return chartModel(machine)
}

t.test('every machine that is exported has a chart', async (t) => {
  const exported = Object.keys(machines).filter((name) => name.endsWith('Machine'))
  t.strictSame([...chartNames].sort(), exported.map((name) => name.slice(0, -'Machine'.length)).sort())
  t.equal(chartNamed('nothing'), undefined)
})

t.test('a chart has the edges of its machine, and beside them only what is forbidden', async (t) => {
  for (const name of chartNames) {
    const machine = chartNamed(name)
    if (machine === undefined) continue
    const { transitions } = chartModel(machine)
    const acting = transitions.filter(({ kind }) => kind !== 'forbidden')
    t.equal(acting.length, new Set(acting.map(({ id }) => id)).size, `${name}: ids are unique`)
    t.equal(acting.length, edgesOf(machine).length, `${name}: ${acting.length} edges`)
  }
})

t.test('a state says what it is, a transition what it does', async (t) => {
  const { states, transitions } = model('outgoing')
  t.match(
    states.find(({ id }) => id === 'outgoing.setup'),
    {
      name: 'setup',
      parent: 'outgoing',
      kind: 'compound',
      initial: 'outgoing.setup.connecting',
      description: /channel is being opened/,
      source: /MigrationStatus\.setup/,
      entry: ['emitMigration(setup)'],
    },
  )
  t.match(
    transitions.find(({ from, event }) => from === 'outgoing.none' && event === 'migrate'),
    { to: ['outgoing.setup'], guard: 'migrateAllowed', actions: ['startPostcopy := false', 'returnPath := false'] },
  )
  t.match(
    transitions.find(({ from, event }) => from === 'outgoing.none' && event === 'migrate-start-postcopy'),
    { kind: 'forbidden', to: [], actions: [] },
  )
})

t.test('a union marks what only one profile has', async (t) => {
  const union = uniteCharts([
    { label: '2.11', chart: model('outgoing') },
    { label: '7.2', chart: model('outgoing', { profile: '7.2' }) },
  ])
  const only = (label: string) => union.states.filter((state) => state.only?.[0] === label).map(({ name }) => name)
  t.strictSame(only('2.11'), [])
  t.strictSame(only('7.2'), ['wait-unplug', 'postcopy-paused', 'broken', 'connecting', 'postcopy-recover'])
  t.ok(
    union.transitions.some(({ from, only }) => from === 'outgoing.postcopy-active.running' && only?.[0] === '2.11'),
    'a failure in postcopy ends otherwise',
  )
})

t.test('quirks are marked in the chart of their profile', async (t) => {
  const { transitions, states } = chartWithQuirks('outgoing') ?? { transitions: [], states: [] }
  t.match(
    transitions.find(({ only }) => only?.includes('h1')),
    { event: 'migrate_cancel', from: 'outgoing.active.committing', only: ['h1'] },
  )
  t.strictSame(
    states.filter(({ only }) => only !== undefined).map(({ id }) => id),
    ['outgoing.device.stuck', 'outgoing.cancelling.stuck'],
  )
  t.equal(
    transitions.filter(({ only }) => only === undefined).length,
    model('outgoing').transitions.length,
    'the safe chart is whole',
  )
})

t.test('a layout has a place for every state, and every transition is in it once', async (t) => {
  for (const name of ['outgoing', 'process']) {
    const chart = model(name)
    const drawing = await layOut(chart)
    t.equal(drawing.boxes.length, chart.states.length)
    const lines = [...drawing.boxes.flatMap((box) => box.internal), ...drawing.arrows.flatMap((arrow) => arrow.labels)]
    const drawn = lines.flatMap(({ transitions }) => transitions)
    t.strictSame([...drawn].sort(), chart.transitions.map(({ id }) => id).sort(), name)
    for (const { points } of drawing.arrows) t.ok(points.length >= 2)
    for (const { x, y, width, height } of drawing.boxes)
      t.ok(x >= 0 && y >= 0 && x + width <= drawing.width && y + height <= drawing.height)
  }
})

t.test('states next to each other do not overlap', async (t) => {
  const { boxes } = await layOut(model('outgoing'))
  for (const a of boxes)
    for (const b of boxes) {
      if (a === b || a.id.startsWith(b.id) || b.id.startsWith(a.id)) continue
      const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
      if (!apart) t.fail(`${a.id} and ${b.id} overlap`)
    }
})

t.test('a closed state stands for all that is in it', async (t) => {
  const chart = model('outgoing')
  const closed = new Set(['outgoing.active', 'outgoing.device'])
  const drawing = await layOut(chart, closed)
  t.equal(drawing.boxes.find(({ id }) => id === 'outgoing.active')?.inside, 'closed')
  t.notOk(drawing.boxes.some(({ id }) => id.startsWith('outgoing.active.')))
  const arrow = drawing.arrows.find(({ from, to }) => from === 'outgoing.active' && to === 'outgoing.cancelling.ending')
  t.strictSame(
    arrow?.labels.map(({ text, transitions }) => [text, transitions.length]),
    [['migrate_cancel', 3]],
    'from iterating, completing and preparing',
  )
  t.match(svgOf(chart, drawing), /data-state="outgoing.active"/)
})
