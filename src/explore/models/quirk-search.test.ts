/**
 * Every quirk that the charts can express is found, by a way as short as it was. `SWITCHOVER_UPDATE=1` writes the file anew;
 * review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { findQuirk, quirksAndProfiles } from './quirk-search.ts'

const file = new URL('quirk-search.txt', import.meta.url)

t.test('every quirk that a chart can express is found', async (t) => {
  const lines = ['where each quirk shows, what it breaks first and in how many steps', '']
  for (const [quirk, profile] of quirksAndProfiles) {
    const found = findQuirk(quirk, profile, { goesOn: false })
    const name = `${quirk} (${profile})`.padEnd(12)
    if (found.reason !== undefined) continue
    t.ok(found.violations.length > 0, `${name} is found`)
    const broken = found.violations.map(({ property, steps }) => `${property.id} in ${steps.length}`)
    lines.push(`${name} ${found.label}: ${broken.join(', ')}`)
  }
  const made = `${lines.join('\n')}\n`
  if (process.env['SWITCHOVER_UPDATE'] === '1') writeFileSync(file, made)
  t.equal(readFileSync(file, 'utf8'), made, 'SWITCHOVER_UPDATE=1 writes it anew')
})
