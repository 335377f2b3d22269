/** Which seeded bug of the core, and which known defect of a real QEMU, is killed by which property. */
import t from 'tap'
import { failoverCompletes, survivorServes, wholeCheckpoint } from './invariants/index.ts'
import { coreMutants } from './mutants/core-mutants.ts'
import { lockStepMutants } from './mutants/lock-step-mutants.ts'
import { runCoreSuite } from './suites/core-suite.ts'
import { coreTrials } from './suites/core-trials.ts'
import { killMatrix, matrixText } from './suites/kill-matrix.ts'
import { parseReplayToken } from './suites/replay-token.ts'
import { describeCounterexample } from './suites/result.ts'

t.test('every mutant is killed by the properties that name it', async (t) => {
  const rows = await killMatrix([...coreMutants, ...lockStepMutants], (system) =>
    coreTrials(system, { runs: 200, seed: 3 }),
  )
  t.comment(`\n${matrixText(rows)}`)
  for (const { mutant, title, missed } of rows) t.same(missed, [], `${mutant} ${title}`)
  const killers = new Set(rows.flatMap(({ kills }) => kills))
  for (const { id, title } of [wholeCheckpoint, failoverCompletes, survivorServes])
    t.ok(killers.has(id), `${id} ${title} kills something`)
})

t.test('a failure of the core prints what makes it again', async (t) => {
  const { system } = coreMutants.find(({ id }) => id === 'c5')!
  const first = runCoreSuite({ system, runs: 300, seed: 4, onlyProperty: 'I7' })
  t.ok(first.counterexample)
  t.comment(`\n${describeCounterexample(first.counterexample!)}`)
  const { suite, seed, path = '', replayPath = '', only = '' } = parseReplayToken(first.counterexample!.token)!
  t.same([suite, only], ['core', 'I7'])
  const again = runCoreSuite({ system, runs: 300, seed, path, replayPath, onlyProperty: only })
  t.same(again.counterexample?.commands, first.counterexample?.commands)
  t.same(again.counterexample?.breaches, first.counterexample?.breaches)
})
