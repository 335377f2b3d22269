/**
 * Asks the charts about a trace in a worker, so that the page stays fluid meanwhile. The worker runs the same script as the
 * page, taken from the document: one file holds everything. Where no worker can be had, the page does it itself.
 */
import type { Analysis } from '../analysis.ts'
import { analyse } from '../analysis.ts'
import type { Scenario } from '../../trace/index.ts'

interface Question {
  readonly id: number
  readonly scenario: Scenario
}

type Answer = { readonly id: number } & ({ readonly analysis: Analysis } | { readonly error: string })

/** What the worker does; called where there is no document. */
export const answerQuestions = (): void => {
  addEventListener('message', ({ data }: MessageEvent<Question>) => {
    const { id, scenario } = data
    try {
      postMessage({ id, analysis: analyse(scenario) })
    } catch (error) {
      postMessage({ id, error: error instanceof Error ? error.message : String(error) })
    }
  })
}

let worker: Worker | undefined
let count = 0
const waiting = new Map<number, (answer: Answer) => void>()

const startWorker = (): Worker | undefined => {
  const script = document.querySelector('script[data-bundle]')?.textContent ?? ''
  if (script === '') return undefined
  try {
    const started = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })))
    started.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
      waiting.get(data.id)?.(data)
      waiting.delete(data.id)
    })
    return started
  } catch {
    return undefined
  }
}

/** Resolves with the analysis, or rejects with the reason why there is none. */
export const analyseElsewhere = (scenario: Scenario): Promise<Analysis> => {
  worker ??= startWorker()
  const started = worker
  if (started === undefined) return new Promise((resolve) => setTimeout(() => resolve(analyse(scenario)), 0))
  const id = ++count
  return new Promise((resolve, reject) => {
    waiting.set(id, (answer) => ('analysis' in answer ? resolve(answer.analysis) : reject(new Error(answer.error))))
    started.postMessage({ id, scenario } satisfies Question)
  })
}
