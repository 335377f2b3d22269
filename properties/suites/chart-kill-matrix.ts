/** Judges mutants of the charts on several threads. */
import { Worker } from 'node:worker_threads'
import { processMachine, type Profile } from '../../machines/index.ts'
import { chartMutations } from '../mutants/chart-mutants.ts'
import type { ChartKill } from './chart-kills.ts'

/** See the head of this file. */
export interface ChartMatrixOptions {
  readonly profile: Profile
  readonly threads: number
  /** Mutants whose text has this in it. Default: all. */
  readonly only?: string
  /** Every so many of them. Default 1. */
  readonly every?: number
  /** Told of each as it is done. */
  readonly onKill?: (kill: ChartKill, done: number, all: number) => void
}

/** Everything that was asked, in the order of the charts. */
export const chartKillMatrix = async (options: ChartMatrixOptions): Promise<readonly ChartKill[]> => {
  const { profile, threads, only = '', every = 1, onKill } = options
  const places = [...chartMutations(processMachine({ profile })).entries()]
    .filter(([, { id }]) => id.includes(only))
    .filter((_, index) => index % every === 0)
    .map(([place]) => place)
  const kills: ChartKill[] = []
  let begun = 0
  let done = 0
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
      const thread = new Worker(new URL(`./chart-mutants-thread.${extension}`, import.meta.url), {
        workerData: { profile },
        execArgv: [],
      })
      let at = -1
      const next = (): void => {
        at = begun++
        const place = places[at]
        if (place !== undefined) return thread.postMessage(place)
        void thread.terminate()
        resolve()
      }
      thread.on('message', (kill: ChartKill) => {
        kills[at] = kill
        onKill?.(kill, ++done, places.length)
        next()
      })
      thread.once('error', reject)
      next()
    })
  await Promise.all(Array.from({ length: Math.min(threads, places.length) }, work))
  return kills
}
