/**
 * `npm run campaign -- --minutes 60`: all suites on all cores, going on where the last campaign ended. Exit code 1 if
 * something is broken, 2 for wrong usage.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runLongCampaign } from './campaign.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    threads: { type: 'string', default: String(availableParallelism()) },
    file: { type: 'string', default: '.switchover/campaign.json' },
  },
})
const minutes = Number(values.minutes)
const threads = Number(values.threads)
if (!(minutes > 0) || !Number.isInteger(threads) || threads < 1) {
  console.error(
    `campaign: expected minutes above 0 and threads of at least 1, found ${values.minutes} and ${values.threads}`,
  )
  process.exit(2)
}
let found = 0
const state = await runLongCampaign({
  minutes,
  threads,
  file: values.file,
  onDone: ({ suite, seed, runs, found: text }) => {
    console.error(`${suite.padEnd(10)} seed ${seed}: ${runs} runs${text === undefined ? '' : ', BROKEN'}`)
    if (text === undefined) return
    found++
    console.log(text)
  },
})
const runs = Object.entries(state.runs).map(([suite, count]) => `${suite} ${count}`)
console.log(`${state.minutes.toFixed(1)} minutes in all: ${runs.join(', ')}; ${state.found.length} found`)
process.exitCode = found > 0 ? 1 : 0
