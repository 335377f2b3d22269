/** The recordings of what `switchover check --system qemu --property defects` found: each is explained by its own quirk. */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { NodeServices } from '@effect/platform-node'
import { Effect, Stream } from 'effect'
import t from 'tap'
import { defects } from '../../properties/differential/defects.ts'
import { replayRecordings } from '../trace/index.ts'

const folder = new URL('../../traces/7.2-found/', import.meta.url)
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.meta.json'))
  .map((file) => fileURLToPath(new URL(file, folder)))

t.test('the charts name the quirk that each was recorded for', async (t) => {
  const verdicts = await Effect.runPromise(
    Stream.runCollect(replayRecordings(files)).pipe(Effect.provide(NodeServices.layer)),
  )
  for (const verdict of verdicts)
    t.match(verdict, { verdict: 'conforms-with-quirks', quirks: [{ id: verdict.scenario }] }, verdict.scenario)
  t.same(
    verdicts.map(({ scenario }) => scenario).sort(),
    defects.map(({ quirk }) => quirk).sort(),
    'one for each defect that is looked for',
  )
})
