/** How recordings are explained: steps that the charts really have, in order, no more than it takes. */
import { readdirSync, readFileSync } from 'node:fs'
import { Result } from 'effect'
import t from 'tap'
import { transition } from 'xstate'
import { explainScenario, makeScenario, parseMeta, parseRecording, type Scenario } from './index.ts'

const root = new URL('../../traces/', import.meta.url)

const scenarioNamed = (folder: string, name: string, change = (text: string) => text): Scenario => {
  const files = readdirSync(new URL(`${folder}/`, root)).filter((file) => file.startsWith(`${name}.`))
  const read = (file: string) => readFileSync(new URL(`${folder}/${file}`, root), 'utf8')
  return makeScenario(
    name,
    files
      .filter((file) => file.endsWith('.jsonl'))
      .map((file) => {
        const party = file.slice(name.length + 1, -'.jsonl'.length)
        return [party, Result.getOrThrow(parseRecording(file, change(read(file))))] as const
      }),
    files.includes(`${name}.meta.json`) ? parseMeta(read(`${name}.meta.json`)) : undefined,
  )
}

const said = (scenario: Scenario, party: string) =>
  explainScenario(scenario)
    .parties.find(({ name }) => name === party)
    ?.steps.map(({ line, event, quirk }) => `${line} ${event.type}${quirk === undefined ? '' : ` (${quirk})`}`)

t.test('a cancel that came too late, as both sides saw it', async (t) => {
  const scenario = scenarioNamed('7.2', 'cancel-race-nodisk-1')
  t.strictSame(said(scenario, 'src'), [
    '5 migrate-set-capabilities',
    '7 migrate-set-capabilities',
    '9 migrate',
    '14 outgoing.connected',
    '14 outgoing.setup-done',
    '17 outgoing.converged',
    '23 migrate-continue',
    '26 outgoing.flushed',
    '26 migrate_cancel (h1)',
    '30 outgoing.ended',
  ])
  t.strictSame(said(scenario, 'dst'), [
    '5 migrate-set-capabilities',
    '7 migrate-incoming',
    '9 incoming.connected',
    '10 incoming.ended',
  ])
})

t.test('a rejected recording is explained up to the line before', async (t) => {
  const { verdict, parties } = explainScenario(
    scenarioNamed('2.11', 'idle_guest_precopy', (text) => text.replace('"status": "completed"', '"status": "device"')),
  )
  t.match(verdict, { verdict: 'rejected' })
  if (verdict.verdict !== 'rejected') return
  const rejected = parties.find(({ name }) => verdict.rejection.file.includes(`.${name}.`))
  t.ok((rejected?.steps.length ?? 0) > 0)
  t.ok((rejected?.steps.at(-1)?.line ?? Infinity) <= verdict.rejection.line)
})

t.test('every step of every explanation is one that its chart takes', async (t) => {
  let steps = 0
  for (const folder of ['2.11', '7.2', '7.2-found']) {
    const files = readdirSync(new URL(`${folder}/`, root)).filter((file) => file.endsWith('.jsonl'))
    const names = new Set(files.map((file) => file.replace(/\.\w+\.jsonl$/, '')))
    for (const name of names) {
      const { verdict, automaton, parties } = explainScenario(scenarioNamed(folder, name))
      if (verdict.verdict === 'not-covered') continue
      for (const party of parties) {
        let at = party.start
        let line = 0
        for (const step of party.steps) {
          const machine = automaton.machineOf(automaton.maskOf(step.quirk === undefined ? [] : [step.quirk]))
          const value = automaton.valueOf(step.from)
          if (machine === undefined || value === undefined) throw new Error('expected a chart and a state')
          const [next] = transition(
            machine,
            machine.resolveState({ value, context: step.from.context }),
            step.event as Parameters<typeof transition<typeof machine>>[2],
          )
          if (step.from !== at || step.line < line) t.fail(`${folder}/${name} ${party.name}: steps do not follow`)
          if (JSON.stringify(next.value) !== JSON.stringify(automaton.valueOf(step.to)))
            t.fail(`${folder}/${name} ${party.name}: ${step.event.type} does not lead there`)
          at = step.to
          line = step.line
          steps += 1
        }
      }
    }
  }
  t.ok(steps > 500, `${steps} steps`)
})
