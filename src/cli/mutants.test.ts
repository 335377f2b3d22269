/** `switchover mutants`: rows that a kill matrix is read from, and what becomes of a few mutants of the charts. */
import t from 'tap'
import { processMachine } from '../../machines/index.ts'
import { chartMutations } from '../../properties/mutants/chart-mutants.ts'
import { ChartJudge } from '../../properties/suites/chart-kills.ts'
import { isKillMatrix, readKillMatrix } from '../view/formats/kill-matrix.ts'
import { mutants } from './mutants.ts'
import { runCommand } from './testing/run-command.ts'

t.test('the catalogue: a line a mutant, which the page reads', async (t) => {
  const { code, out } = await runCommand(mutants, ['--only', 'F', '--json'])
  t.equal(code, 0)
  const rows = out
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  t.ok(isKillMatrix(rows))
  const matrix = readKillMatrix(rows)
  t.match(
    matrix.rows.find(({ mutant }) => mutant === 'F4'),
    { kills: ['I29'], missed: [], shortest: 2 },
  )
})

t.test('a name that no mutant has is wrong usage', async (t) => {
  t.match(await runCommand(mutants, ['--only', 'nobody']), { code: 2, error: /no mutant has nobody/ })
})

/** A mutant of each kind, and what becomes of it. */
const expected = [
  ['outgoing: active.preparing --outgoing.prepared--> active.releasing: removed', { verdict: 'killed', where: 'pair' }],
  [
    'guest: inmigrate --incoming.start [startsRunning]--> running: without its guard',
    { verdict: 'killed', kills: ['I2'], where: 'pair' },
  ],
  ['outgoing: device.preparing --outgoing.prepared--> device.releasing: stays', { verdict: 'killed', where: 'pair' }],
  ['guest: finish-migrate --vm.restore--> paused: to suspended', { verdict: 'killed', kills: ['I2'] }],
  ['guest: postmigrate --vm.run--> running: without startGuest (1)', { verdict: 'same', kills: [] }],
] as const

t.test('mutants of the charts', async (t) => {
  const judge = new ChartJudge('2.11', ['pair'])
  const all = chartMutations(processMachine({ profile: '2.11' }))
  t.equal(new Set(all.map(({ id }) => id)).size, all.length, 'every one has a name of its own')
  for (const [id, verdict] of expected) {
    const mutation = all.find((each) => each.id === id)
    t.ok(mutation, id)
    t.match(await judge.judge(mutation!), verdict, id)
  }
})

t.test('a mutation that is undone leaves the machine as it was', async (t) => {
  const machine = processMachine({ profile: '7.2' })
  const before = chartMutations(machine).map(({ id }) => id)
  for (const mutation of chartMutations(machine)) mutation.apply(machine)?.()
  t.strictSame(
    chartMutations(machine).map(({ id }) => id),
    before,
  )
})
