/**
 * The seeded bugs of COLO as traces: for each the shortest script that shows it, and what the managers saw. They are made
 * anew and compared; `SWITCHOVER_UPDATE=1` writes them, to be reviewed as a difference.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Result } from 'effect'
import t from 'tap'
import { makeScenario, parseMeta, parseRecording, validateScenario, type Verdict } from '../src/trace/index.ts'
import { coloRuntimeMutants } from './mutants/colo-runtime-mutants.ts'
import { lockStepMutants } from './mutants/lock-step-mutants.ts'
import type { Mutant } from './mutants/mutant.ts'
import { coloRuntimeScripts } from './suites/colo-runtime-scripts.ts'
import { counterexampleOf, type CounterexampleTrace } from './suites/counterexample-trace.ts'
import { lockStepScripts } from './suites/lock-step-scripts.ts'
import { metaOf, recordingsOf } from './suites/observed-recording.ts'
import { runtimeCounterexampleOf } from './suites/runtime-trace.ts'

const folder = new URL('../traces/counterexamples/', import.meta.url)

const replay = (name: string, trace: CounterexampleTrace): Verdict => {
  const recordings = [...recordingsOf(trace.observation, trace.profile)].map(
    ([party, text]) => [party, Result.getOrThrow(parseRecording(`${name}.${party}.jsonl`, text))] as const,
  )
  return validateScenario(makeScenario(name, recordings, parseMeta(JSON.stringify(metaOf(trace.observation)))))
}

const verdictText = (verdict: Verdict): string =>
  verdict.verdict === 'conforms-with-quirks'
    ? `explained only by ${verdict.quirks.map(({ id }) => id).join(', ')}`
    : verdict.verdict === 'rejected'
      ? `rejected: ${verdict.rejection.observed}`
      : verdict.verdict

const files = new Map<string, string>()
const index: string[] = [
  'The seeded bugs of COLO: who notices, by which actions, and what a replay of the recordings says.',
  '',
]
const missing: string[] = []
const verdicts = new Map<string, string>()
const traces: readonly (readonly [Mutant<unknown>, CounterexampleTrace | undefined])[] = [
  ...lockStepMutants.map((mutant) => [mutant, counterexampleOf(mutant, lockStepScripts)] as const),
  ...(await Promise.all(
    coloRuntimeMutants
      .filter(({ id }) => id.startsWith('F'))
      .map(async (mutant) => [mutant, await runtimeCounterexampleOf(mutant, coloRuntimeScripts)] as const),
  )),
]
for (const [mutant, trace] of traces) {
  if (trace === undefined) {
    missing.push(mutant.id)
    continue
  }
  const said = verdictText(replay(mutant.id, trace))
  verdicts.set(mutant.id, said)
  for (const [party, text] of recordingsOf(trace.observation, trace.profile))
    files.set(`${mutant.id}.${party}.jsonl`, text)
  files.set(`${mutant.id}.meta.json`, `${JSON.stringify(metaOf(trace.observation))}\n`)
  index.push(
    `${mutant.id}  ${mutant.title}`,
    `    ${trace.property}: ${trace.violation}`,
    ...trace.lines.map((line, number) => `    ${number + 1}. ${line}`),
    `    replay: ${said}`,
    '',
  )
}
files.set('index.txt', index.join('\n'))

if (process.env['SWITCHOVER_UPDATE'] === '1') {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of files) writeFileSync(new URL(name, folder), text)
}

t.test('every seeded bug has a trace, and the traces are those of the scripts', async (t) => {
  t.strictSame(missing, [])
  t.strictSame(readdirSync(folder).sort(), [...files.keys()].sort())
  for (const [name, text] of files) t.equal(readFileSync(new URL(name, folder), 'utf8'), text, name)
})

t.test('a defect of a real QEMU is explained by its quirk, and by nothing less', async (t) => {
  const byQuirk = { F1: 'q9', F4: 'q12', H15: 'h15', H19: 'h19', h30: 'h30' }
  for (const [id, quirk] of Object.entries(byQuirk)) t.equal(verdicts.get(id), `explained only by ${quirk}`, id)
})
