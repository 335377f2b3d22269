/** A guest in a thread of its own, as a vCPU is: it writes while pages move and answers are given. */
import { MessageChannel } from 'node:worker_threads'
import { Effect, type Scope } from 'effect'
import type { GuestMemory, GuestOutput } from '../memory/index.ts'
import { GuestRefused, type GuestHost } from './guest-host.ts'
import type { GuestProgram } from './guest-program.ts'
import type { GuestAnswer, GuestJob, GuestRequest, GuestSent } from './guest-thread.ts'
import { Doorbell, startThread } from './worker-thread.ts'

type Question = GuestRequest extends infer Request
  ? Request extends { number: number }
    ? Omit<Request, 'number'>
    : never
  : never

/** Hosts a guest in a worker thread until the scope closes. It is stopped at first. */
export const workerGuestHost = (
  program: GuestProgram,
  memory: GuestMemory,
): Effect.Effect<GuestHost, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { port1, port2 } = new MessageChannel()
    const doorbell = new Doorbell(memory.missing.arrivalBell)
    const waiting = new Map<number, (answer: GuestAnswer) => void>()
    let number = 0
    const job: GuestJob = { memory: memory.toShared(), program, doorbell: doorbell.buffer, port: port2 }
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => startThread('guest-thread', job, [port2])),
      (started) =>
        Effect.promise(async () => {
          port1.close()
          await started.terminate()
        }),
    )
    const failAll = (reason: string): void => {
      for (const [asked, settle] of waiting) settle({ number: asked, reason })
      waiting.clear()
    }
    thread.on('error', (error) => failAll(`the guest's thread ended: ${error.message}`))
    let take: (output: GuestOutput) => void = () => {}
    port1.on('message', (answer: GuestAnswer | GuestSent) => {
      if ('sent' in answer) {
        for (const output of answer.sent) take(output)
        return
      }
      waiting.get(answer.number)?.(answer)
      waiting.delete(answer.number)
    })
    const ask = (question: Question): Effect.Effect<unknown, GuestRefused> =>
      Effect.callback<unknown, GuestRefused>((resume) => {
        const asked = ++number
        waiting.set(asked, ({ value, reason }) =>
          resume(reason === undefined ? Effect.succeed(value) : Effect.fail(new GuestRefused({ reason }))),
        )
        port1.postMessage({ ...question, number: asked })
        doorbell.ring()
      })
    // A vCPU that does not answer is a defect of this program, not a state of the guest.
    const must = (question: Question) => Effect.orDie(ask(question))
    return {
      memory,
      onOutput: (taker) => {
        take = taker
      },
      start: Effect.asVoid(must({ type: 'start' })),
      stop: Effect.asVoid(must({ type: 'stop' })),
      throttle: (percentage) => Effect.asVoid(must({ type: 'throttle', percentage })),
      saveState: Effect.map(must({ type: 'save' }), (value) => value as Uint8Array),
      loadState: (state) => Effect.asVoid(ask({ type: 'load', state })),
      counter: Effect.map(must({ type: 'counter' }), Number),
    }
  })
