/** A scenario on one line of time, and where its charts are at each moment of it. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { analyse } from './analysis.ts'
import { openFiles } from './open-files.ts'
import { Scale } from './page/scale.ts'
import { momentOfLine, pathIn, traceModel } from './page/trace-model.ts'
import { timeLineOf } from './time-line.ts'

const scenarioNamed = (folder: string, name: string, change = (text: string) => text) => {
  const files = ['src.jsonl', 'dst.jsonl', 'meta.json'].map((part) => ({
    name: `${name}.${part}`,
    text: change(readFileSync(new URL(`../../traces/${folder}/${name}.${part}`, import.meta.url), 'utf8')),
  }))
  const [item] = openFiles(files).items
  if (item?.kind !== 'trace') throw new Error('expected a trace')
  return item.scenario
}

t.test('messages of both parties in the order of time, the source first', async (t) => {
  const { parties, moments, readings, seconds } = timeLineOf(scenarioNamed('7.2', 'cancel-race-nodisk-1'))
  t.strictSame(
    parties.map(({ title }) => title),
    ['Source', 'Destination'],
  )
  t.equal(moments.length, 62)
  for (const [index, moment] of moments.entries())
    t.ok(moment.seconds >= (moments[index - 1]?.seconds ?? 0), `moment ${index} is not before the one before it`)
  const cancel = moments.find(({ title, kind }) => title === 'migrate_cancel' && kind === 'command')
  t.match(moments[cancel?.partner ?? -1], { title: 'migrate_cancel', kind: 'reply' })
  t.ok(readings.length > 0 && readings.every(({ totalBytes }) => (totalBytes ?? 0) > 0))
  t.ok(seconds[1] > seconds[0])
})

t.test('the charts at every moment, forwards and backwards alike', async (t) => {
  const scenario = scenarioNamed('7.2', 'cancel-race-nodisk-1')
  const model = traceModel(timeLineOf(scenario), analyse(scenario))
  const [source, destination] = model.tracks
  if (source === undefined || destination === undefined) throw new Error('expected two tracks')
  t.equal(source.mainRegion, 'outgoing')
  t.equal(destination.mainRegion, 'incoming')
  t.strictSame(
    source.spans('outgoing').map(({ value }) => value),
    ['none', 'setup', 'active', 'pre-switchover', 'device', 'cancelling', 'cancelled'],
  )
  const last = model.timeLine.moments.length - 1
  t.equal(pathIn(source.activeAt(last), 'outgoing'), 'cancelled')
  t.equal(pathIn(source.activeAt(last), 'guest'), 'running')
  t.equal(pathIn(destination.activeAt(last), 'guest'), 'running', 'both run: the split brain')
  t.equal(pathIn(source.activeAt(0), 'outgoing'), 'none')
  let counted = 0
  for (let moment = 0; moment <= last; moment++)
    for (const { transitions } of source.stepsAt(moment)) counted += transitions.length
  const total = [...source.totals.values()].reduce((sum, count) => sum + count, 0)
  t.equal(counted, total, 'every transition is taken at one moment')
  t.equal(
    [...source.stateAt(last).counts.values()].reduce((sum, count) => sum + count, 0),
    total,
  )
  t.equal(source.stateAt(0).counts.size, 0)
})

t.test('the transitions that are told are those of the charts that are drawn', async (t) => {
  const { undrawnCharts } = await import('./chart-library.ts')
  const charts = undrawnCharts().filter(({ inProcess }) => inProcess)
  const known = new Set(charts.flatMap(({ model }) => model.transitions.map(({ id }) => id)))
  const states = new Set(charts.flatMap(({ model }) => model.states.map(({ id }) => id)))
  for (const [folder, name] of [
    ['7.2', 'cancel-race-nodisk-1'],
    ['2.11', 'idle_guest_pause'],
    ['2.11', 'colo_checkpoints'],
  ] as const)
    for (const { steps, start } of analyse(scenarioNamed(folder, name)).parties) {
      for (const id of start) t.ok(states.has(id), id)
      for (const { transitions, active } of steps) {
        for (const id of transitions) t.ok(known.has(id), id)
        for (const id of active) t.ok(states.has(id), id)
      }
    }
})

t.test('where a trace leaves the model is a moment of it', async (t) => {
  const scenario = scenarioNamed('2.11', 'idle_guest_pause', (text) =>
    text.replace('"data": {"status": "device"}', '"data": {"status": "colo"}'),
  )
  const { verdict } = analyse(scenario)
  if (verdict.verdict !== 'rejected') throw new Error(`expected a rejection, found ${verdict.verdict}`)
  const timeLine = timeLineOf(scenario)
  const moment = momentOfLine(timeLine, verdict.rejection.file, verdict.rejection.line)
  t.match(timeLine.moments[moment ?? -1], { title: 'MIGRATION', detail: 'colo' })
  t.ok(verdict.rejection.allowed.includes('MIGRATION device'))
})

t.test('an axis of time and one of order, there and back', async (t) => {
  const { moments } = timeLineOf(scenarioNamed('2.11', 'idle_guest_pause'))
  for (const kind of ['time', 'order'] as const) {
    const scale = new Scale(kind, moments)
    for (const index of moments.keys()) {
      const found = moments[scale.nearest(scale.at(index))]
      t.equal(found?.seconds, moments[index]?.seconds, `${kind} ${index}`)
    }
    const { from, to } = scale.whole
    const ticks = scale.ticks({ from, to }, 8)
    t.ok(ticks.length >= 2 && ticks.length <= 12, `${ticks.length} ticks`)
  }
})
