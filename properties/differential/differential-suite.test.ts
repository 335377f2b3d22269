/** A difference that was put there is found and shortened; the same system differs from itself in nothing. */
import t from 'tap'
import { doubleSystem } from '../../src/peer/double.ts'
import { runDifferentialSuite } from './differential-suite.ts'
import { justified, justificationOf, qemu72Quirks, withFlipped } from './justified.ts'
import { DESTINATION, type Call, type Step } from './step.ts'

const pauseBeforeSwitchover = { capability: 'pause-before-switchover', state: true }
const like72 = doubleSystem(qemu72Quirks)

t.test('the double does what the double does', async (t) => {
  const result = await runDifferentialSuite({ qemu: like72, double: like72, quirks: qemu72Quirks, runs: 12, seed: 2 })
  t.equal(result.counterexample, undefined)
  t.equal(result.runs, 12)
  t.ok(result.stepsCompared > 20)
})

t.test('without q6 it does something else, which is found and shortened to one command', async (t) => {
  const quirks = withFlipped(['q6'])
  const double = doubleSystem(quirks)
  const result = await runDifferentialSuite({ qemu: like72, double, quirks, flipped: ['q6'], runs: 60, seed: 4 })
  t.same(result.counterexample?.steps, ['source: migrate {"uri":"bogus:1"}'])
  t.match(result.counterexample?.token, /^switchover-check:qemu:\S+$/)
})

t.test('a sequence that is carried out again shows what it showed', async (t) => {
  const quirks = withFlipped(['h4'])
  const calls: readonly Call[] = [
    { name: 'stop' },
    { name: 'migrate-set-capabilities', arguments: { capabilities: [pauseBeforeSwitchover] } },
    { name: 'migrate-set-parameters', arguments: { 'max-bandwidth': 0 } },
    { name: 'migrate', arguments: { uri: DESTINATION } },
    { name: 'migrate_cancel' },
  ]
  const replay = calls.map((call): Step => ({ do: 'call', to: 'source', call }))
  const result = await runDifferentialSuite({ qemu: like72, double: doubleSystem(quirks), quirks, replay })
  const difference = result.counterexample?.differences.find(({ kind }) => kind === 'rest')
  t.match(difference, { step: 4, qemu: 'cancelled, guest postmigrate', double: 'cancelled, guest paused' })
})

t.test('the table of justified differences', (t) => {
  t.equal(new Set(justified.map(({ id }) => id)).size, justified.length, 'every entry has a name of its own')
  for (const { what, why } of justified) t.match([what, why], [/\.$/, /\.$/], 'says what and why')
  const difference = { kind: 'answer', where: '', command: 'migrate', qemu: '{}', double: 'GenericError: no' } as const
  t.equal(justificationOf(difference), undefined, 'covers nothing that it does not name')
  t.end()
})
