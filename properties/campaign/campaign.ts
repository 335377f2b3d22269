/**
 * A campaign: all suites, seed after seed, on all cores, for as long as it is given. Where it stands is kept in a file, so
 * that the next one goes on with seeds that none has tried.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { campaignSuites, type CampaignDone, type CampaignUnit } from './campaign-thread.ts'

/** Where a campaign stands. */
export interface CampaignState {
  /** The number of the next unit. */
  readonly next: number
  /** By suite: sequences or schedules so far. */
  readonly runs: Readonly<Record<string, number>>
  readonly minutes: number
  /** What was found broken, as text with the token that makes it again. */
  readonly found: readonly string[]
}

/** How it is run. */
export interface CampaignOptions {
  readonly minutes: number
  readonly threads: number
  readonly file: string
  readonly onDone?: (done: CampaignDone, state: CampaignState) => void
}

const begin: CampaignState = { next: 0, runs: {}, minutes: 0, found: [] }

/** Reads where one stands; a file that is not there is a campaign that has not begun. */
export const readCampaign = (file: string): CampaignState => {
  if (!existsSync(file)) return begin
  const read = JSON.parse(readFileSync(file, 'utf8')) as Partial<CampaignState>
  if (!Number.isSafeInteger(read.next))
    throw new Error(`${file}: expected the state of a campaign, found no number next`)
  return { ...begin, ...read }
}

/** A file that is written is there as a whole or not at all. */
const writeCampaign = (file: string, state: CampaignState): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, `${JSON.stringify(state, undefined, 2)}\n`)
  renameSync(`${file}.new`, file)
}

/** The unit of a number: suites in turn, each with a seed that it has had never before. */
export const unitOf = (number: number): CampaignUnit => ({
  suite: campaignSuites[number % campaignSuites.length]!,
  seed: 1 + Math.floor(number / campaignSuites.length),
})

/** See the head of this file. Units that were not done when the time was over are done first the next time. */
export const runLongCampaign = async (options: CampaignOptions): Promise<CampaignState> => {
  const { minutes, threads, file, onDone } = options
  let state = readCampaign(file)
  const before = state.minutes
  const started = performance.now()
  const passed = (): number => (performance.now() - started) / 60_000
  let given = state.next
  const open = new Set<number>()
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
      const thread = new Worker(new URL(`./campaign-thread.${extension}`, import.meta.url), { execArgv: [] })
      let number = -1
      const next = (): void => {
        if (passed() >= minutes) {
          void thread.terminate()
          return resolve()
        }
        number = given++
        open.add(number)
        thread.postMessage(unitOf(number))
      }
      thread.on('message', (done: CampaignDone) => {
        open.delete(number)
        state = {
          next: Math.min(given, ...open),
          runs: { ...state.runs, [done.suite]: (state.runs[done.suite] ?? 0) + done.runs },
          minutes: before + passed(),
          found: done.found === undefined ? state.found : [...state.found, done.found],
        }
        writeCampaign(file, state)
        onDone?.(done, state)
        next()
      })
      thread.once('error', reject)
      next()
    })
  await Promise.all(Array.from({ length: threads }, work))
  return state
}
