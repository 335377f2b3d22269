/** A few sequences on a live QEMU beside the double. Skipped, with the reason, where there is none. */
import t from 'tap'
import { runDifferentialSuite } from '../../properties/differential/differential-suite.ts'
import { qemu72Quirks } from '../../properties/differential/justified.ts'
import { judge } from '../../properties/differential/judge.ts'
import { execute } from '../../properties/differential/execution.ts'
import { DESTINATION } from '../../properties/differential/step.ts'
import { doubleSystem } from './double.ts'
import { findQemu, qemuSystem } from './qemu.ts'

const qemu = findQemu()
const missing = 'missing' in qemu ? qemu.missing : qemu.version.startsWith('7.2') ? false : `${qemu.version} is not 7.2`
if (missing !== false) t.comment(`no live QEMU 7.2: ${missing}`)

t.test('five random sequences differ in nothing that is not justified', { skip: missing }, async (t) => {
  const double = doubleSystem(qemu72Quirks)
  const result = await runDifferentialSuite({ qemu: qemuSystem(), double, quirks: qemu72Quirks, runs: 5, seed: 4 })
  t.equal(result.runs, 5)
  t.same(result.counterexample?.differences, undefined, String(result.counterexample?.steps.join('; ')))
})

t.test('a repeated cancel is told twice, and the charts know why', { skip: missing }, async (t) => {
  const cancel = { name: 'migrate_cancel' }
  const transcript = await execute(qemuSystem(), [
    { do: 'call', to: 'source', call: { name: 'migrate', arguments: { uri: DESTINATION } } },
    { do: 'race', to: 'source', calls: [cancel, cancel] },
  ])
  t.same(
    transcript.parties.map(({ name }) => name),
    ['src', 'dst'],
  )
  const verdict = judge('h7', transcript, qemu72Quirks)
  t.not(verdict.verdict, 'rejected')
  t.not(verdict.verdict, 'not-covered')
})
