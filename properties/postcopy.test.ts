/** Postcopy: every script keeps every property and ends as it should; broken at every message; every seeded bug is noticed. */
import t from 'tap'
import { breaches, type Breach } from './catalogue.ts'
import { postcopyMutants } from './mutants/postcopy-mutants.ts'
import type { Observation } from './observation.ts'
import { incomingStatus, outgoingStatus } from './state-view.ts'
import { cutAtEveryMessage } from './suites/instants.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import { postcopyPlan, postcopyScripts } from './suites/postcopy-scripts.ts'
import { observeRuntime } from './suites/runtime-suite.ts'
import { ourRuntime, type RuntimeSystem } from './worlds/runtime-world.ts'

const scripts = async function* (system: RuntimeSystem): AsyncGenerator<readonly Breach[]> {
  for (const { plan, actions } of postcopyScripts) yield breaches(await observeRuntime(system, plan, actions))
}

/** What is written here is what an operator sees. */
const outcome = ({ end }: Observation): string =>
  end.parties
    .map(({ party, state, running }) => {
      const status = party === 'source' ? outgoingStatus(state) : incomingStatus(state)
      return `${party === 'source' ? 'source' : 'destination'} ${status}${running ? ', running' : ''}`
    })
    .join('; ')

const moved = 'source completed; destination completed, running'
const outcomes: Readonly<Record<string, string>> = {
  'a stopped guest stays stopped': 'source completed; destination completed',
  'a destination that cannot do postcopy': 'source failed, running; destination failed',
  'devices that are refused give the guest back': 'source failed, running; destination failed',
  'devices that are refused give the guest back, 7.2': 'source failed, running; destination failed',
  'broken in 2.11: the guest is lost': 'source failed; destination failed',
  'the destination dies in postcopy': 'source postcopy-paused; destination postcopy-active',
}

t.test('every script keeps every property, and ends as it should', async (t) => {
  let faults = 0
  for (const { name, plan, actions } of postcopyScripts) {
    const observation = await observeRuntime(ourRuntime, plan, actions)
    const broken = breaches(observation).map(({ property, violations }) => [property.id, ...violations])
    t.same(broken, [], name)
    t.equal(outcome(observation), outcomes[name] ?? moved, name)
    faults += observation.end.parties.reduce((sum, party) => sum + (party.faults?.noted ?? 0), 0)
  }
  t.ok(faults > 100, `${faults} faults`)
})

for (const profile of ['2.11', '7.2'] as const)
  t.test(`${profile}: broken at every message`, async (t) => {
    const instants = await cutAtEveryMessage({ plan: { ...postcopyPlan, profile } })
    t.ok(instants.length > 30, `${instants.length} instants`)
    for (const { what, breaches } of instants)
      t.same(
        breaches.map(({ property, violations }) => [property.id, ...violations]),
        [],
        what,
      )
  })

t.test('every mutant is killed by the properties that name it', async (t) => {
  const rows = await killMatrix(postcopyMutants, scripts)
  t.comment(`\n${matrixText(rows)}`)
  for (const { mutant, title, missed } of rows) t.same(missed, [], `${mutant} ${title}`)
})
