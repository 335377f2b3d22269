/** Entry of the thread that is the guest's vCPU. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { GuestMemory, type GuestOutput, type SharedGuestMemory } from '../memory/index.ts'
import { GuestRunner } from './guest-host.ts'
import { makeGuest, type GuestProgram } from './guest-program.ts'
import { threadNow } from './thread-clock.ts'
import { Doorbell, posted } from './worker-thread.ts'

/** What the thread is started with. */
export interface GuestJob {
  readonly memory: SharedGuestMemory
  readonly program: GuestProgram
  readonly doorbell: SharedArrayBuffer
  readonly port: MessagePort
}

/** A request to the vCPU; each is answered with the same number. */
export type GuestRequest = { readonly number: number } & (
  | { readonly type: 'start' | 'stop' | 'save' | 'counter' | 'end' }
  | { readonly type: 'load'; readonly state: Uint8Array }
  | { readonly type: 'throttle'; readonly percentage: number }
)

/** The answer: a value, or the reason why not. */
export interface GuestAnswer {
  readonly number: number
  readonly value?: unknown
  readonly reason?: string
}

/** What the guest has sent, in order; it comes before the answer to whatever made it. */
export interface GuestSent {
  readonly sent: readonly GuestOutput[]
}

/** How long the vCPU sleeps when it has done what is due. */
const TICK_MILLIS = 1

const job = workerData as GuestJob
const doorbell = new Doorbell(job.doorbell)
const runner = new GuestRunner(makeGuest(job.program, GuestMemory.fromShared(job.memory)))

let sent: GuestOutput[] = []
runner.guest.onOutput = (output) => {
  sent.push(output)
}

const passOn = (): void => {
  if (sent.length === 0) return
  job.port.postMessage({ sent } satisfies GuestSent)
  sent = []
}

const perform = (request: GuestRequest): unknown => {
  switch (request.type) {
    case 'start':
      return runner.start(threadNow())
    case 'stop':
      return runner.stop(threadNow())
    case 'throttle':
      return runner.throttle(threadNow(), request.percentage)
    case 'save':
      return runner.guest.saveState()
    case 'load':
      return runner.load(request.state)
    case 'counter':
      return runner.guest.counter
    case 'end':
      return undefined
  }
}

const answer = (request: GuestRequest): GuestAnswer => {
  try {
    return { number: request.number, value: perform(request) }
  } catch (error) {
    return { number: request.number, reason: error instanceof Error ? error.message : String(error) }
  }
}

const run = (): void => {
  for (;;) {
    const rung = doorbell.count
    for (const request of posted<GuestRequest>(job.port)) {
      const answered = answer(request)
      passOn()
      job.port.postMessage(answered)
      if (request.type === 'end') return job.port.close()
    }
    runner.advance(threadNow())
    passOn()
    // A page that arrives rings too.
    doorbell.sleep(rung, runner.isRunning ? TICK_MILLIS : 1000)
  }
}

if (parentPort !== null) run()
