/**
 * Every model as a matter of course: what is claimed holds in all states, and the numbers of states are what they were.
 * `SWITCHOVER_UPDATE=1` writes the file anew; review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { explore } from '../search/explorer.ts'
import { leadsTo } from '../search/leads-to.ts'
import { explored, modelOf } from './catalogue.ts'

const file = new URL('state-counts.txt', import.meta.url)

/** What needs all edges of the largest model is left to `switchover explore`, which takes its time. */
const largest = 'two-runs'

t.test('in every model everything that is claimed holds', async (t) => {
  const lines = ['states, transitions, depth; every claim holds', '']
  for (const { model, label, options } of explored) {
    const name = `${model} (${label})`
    const made = modelOf(model)!.make(options)
    const found = explore(made, { keepsEdges: model !== largest })
    t.ok(found.complete, name)
    t.strictSame(
      found.violations.map(({ property }) => property.id),
      [],
      `${name}: nothing is broken`,
    )
    t.strictSame(
      found.unseen.map(({ id }) => id),
      [],
      `${name}: everything that should be possible is`,
    )
    for (const [place, property] of found.world.properties.entries())
      if (property.kind === 'leads-to' && model !== largest)
        t.equal(leadsTo(found.graph, place), undefined, `${name}: ${property.id}`)
    const numbers = [found.states, found.transitions, found.depth].map((each) => String(each).padStart(9)).join('')
    lines.push(`${name.padEnd(36)}${numbers}`)
  }
  const made = `${lines.join('\n')}\n`
  if (process.env['SWITCHOVER_UPDATE'] === '1') writeFileSync(file, made)
  t.equal(readFileSync(file, 'utf8'), made, 'SWITCHOVER_UPDATE=1 writes it anew')
})
