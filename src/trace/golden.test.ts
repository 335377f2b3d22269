/**
 * The recordings that are part of the project, each with the verdict it must get. `UPDATE_VERDICTS=1` writes the golden
 * file anew, to be reviewed as a difference.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { NodeServices } from '@effect/platform-node'
import { Effect, Stream } from 'effect'
import t from 'tap'
import { renderVerdict, replayRecordings, scenarioNameOf, type Verdict } from './index.ts'

const root = new URL('../../traces/', import.meta.url)
const golden = new URL('verdicts.json', root)

const recordings = ['2.11', '7.2'].flatMap((folder) =>
  readdirSync(new URL(`${folder}/`, root))
    .filter((file) => file.endsWith('.jsonl'))
    .sort()
    .map((file) => new URL(`${folder}/${file}`, root).pathname),
)

const verdicts: readonly Verdict[] = await Effect.runPromise(
  Stream.runCollect(replayRecordings(recordings)).pipe(Effect.provide(NodeServices.layer)),
)

/** The part of a verdict that is golden. */
const essence = (verdict: Verdict): string => {
  if (verdict.verdict === 'conforms-with-quirks') return verdict.quirks.map((quirk) => quirk.id).join(' ')
  return verdict.verdict
}

const found = Object.fromEntries(
  verdicts.map((verdict) => [`${verdict.profile}/${verdict.scenario}`, essence(verdict)]),
)
if (process.env['UPDATE_VERDICTS'] !== undefined) writeFileSync(golden, `${JSON.stringify(found, undefined, 2)}\n`)

t.test('every recording gets the verdict that the golden file has', async (t) => {
  t.strictSame(found, JSON.parse(readFileSync(golden, 'utf8')))
  t.equal(verdicts.length, new Set(recordings.map(scenarioNameOf)).size)
})

t.test('no recording of a real QEMU is rejected', async (t) => {
  for (const verdict of verdicts) if (verdict.verdict === 'rejected') t.fail(renderVerdict(verdict))
  t.ok(verdicts.some((verdict) => verdict.verdict === 'conforms'))
})

t.test('a quirk comes with the line that needs it', async (t) => {
  const pipelined = verdicts.find((verdict) => verdict.scenario === 'cancel-active-pipelined5')
  t.match(pipelined, {
    verdict: 'conforms-with-quirks',
    quirks: [{ id: 'h7', neededAt: { observed: 'MIGRATION cancelling' } }],
  })
  const race = verdicts.find((verdict) => verdict.scenario === 'cancel-race-nodisk-1')
  t.match(race, { quirks: [{ id: 'h1', neededAt: { file: /cancel-race-nodisk-1\.dst\.jsonl$/ } }] })
})

t.test('every line of a verdict as text fits in 80 columns, single words apart', async (t) => {
  for (const verdict of verdicts)
    for (const line of renderVerdict(verdict).split('\n'))
      t.ok(line.length <= 80 || line.trim().split(' ').length <= 2, line)
})
