/** A campaign ends when its time is over, and the next one goes on with other seeds. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readCampaign, runLongCampaign, unitOf } from './campaign.ts'
import { campaignSuites, type CampaignDone } from './campaign-thread.ts'

const directory = mkdtempSync(join(tmpdir(), 'switchover-campaign-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

t.test('every suite has its turn, with a new seed each time', async (t) => {
  const units = Array.from({ length: 3 * campaignSuites.length }, (_, number) => unitOf(number))
  t.equal(new Set(units.map(({ suite, seed }) => `${suite} ${seed}`)).size, units.length)
  t.equal(new Set(units.map(({ suite }) => suite)).size, campaignSuites.length)
})

t.test('it goes on where it ended', async (t) => {
  const file = join(directory, 'campaign.json')
  const run = async () => {
    const done: CampaignDone[] = []
    // So little time that each thread does one unit.
    const state = await runLongCampaign({ minutes: 0.002, threads: 1, file, onDone: (one) => done.push(one) })
    return { done, state }
  }
  const first = await run()
  t.strictSame(readCampaign(file), first.state)
  const second = await run()
  t.equal(second.state.next, first.state.next + second.done.length)
  const units = [...first.done, ...second.done].map(({ suite, seed }) => `${suite} ${seed}`)
  t.ok(units.length > 0)
  t.equal(new Set(units).size, units.length, units.join(', '))
  t.strictSame(second.state.found, [])
})

t.test('a file that is no campaign is refused', async (t) => {
  const file = join(directory, 'other.json')
  writeFileSync(file, '{}')
  t.throws(() => readCampaign(file), /expected the state of a campaign/)
})
