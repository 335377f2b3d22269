/** Entry of the thread that moves pages: runs one engine after the other, each until it is over. */
import { parentPort, type MessagePort } from 'node:worker_threads'
import type { MakePageThreads } from './compression/page-threads.ts'
import { WorkerPageThreads } from './compression/worker-page-threads.ts'
import { linkOf, NO_LINK, type SharedLink } from '../channel/shared-link.ts'
import { GuestMemory, type SharedGuestMemory } from '../memory/index.ts'
import type { EngineDisks } from './disk-loader.ts'
import { IncomingEngine } from './incoming-engine.ts'
import type { IncomingOrder, Loading, OutgoingOrder, Wait } from './order.ts'
import { WorkerReceiveChannel, WorkerSendChannels } from './multifd/worker-channels.ts'
import { OutgoingEngine } from './outgoing-engine.ts'
import { threadNow } from './thread-clock.ts'
import { Doorbell, posted } from './worker-thread.ts'

/** What the thread is asked to do. */
export interface EngineJob {
  readonly kind: 'outgoing' | 'incoming'
  readonly memory: SharedGuestMemory
  readonly disks: EngineDisks
  readonly link: SharedLink
  readonly doorbell: SharedArrayBuffer
  readonly port: MessagePort
  /** Connections of multifd, beside the main one. */
  readonly channels: readonly SharedLink[]
  /** What an incoming stream may be sent by. */
  readonly loading?: Loading
}

/** Sleep between two looks at a link that is full or empty: short at first, as the peer is usually busy with it. */
const LINK_MILLIS_MIN = 0.05
const LINK_MILLIS_MAX = 1
const LINK_EAGER_LOOKS = 40

const runJob = (job: EngineJob): void => {
  // A refused write is an ordinary answer here (EAGAIN), and stack traces are most of what an exception costs.
  Error.stackTraceLimit = 0
  const memory = GuestMemory.fromShared(job.memory)
  const link = linkOf(job.link)
  const report = (news: unknown) => job.port.postMessage(news)
  const doorbell = new Doorbell(job.doorbell)
  const makeThreads: MakePageThreads = (work, count) => new WorkerPageThreads(work, count)
  const engine =
    job.kind === 'outgoing'
      ? new OutgoingEngine({
          memory,
          report,
          makeThreads,
          disks: job.disks.disks,
          makeChannels: (options) => new WorkerSendChannels(job.channels, job.doorbell, options),
        })
      : new IncomingEngine({
          memory,
          report,
          makeThreads,
          disks: job.disks,
          makeChannel: (to, { shared }, method) =>
            new WorkerReceiveChannel(to, shared ?? NO_LINK, method, job.doorbell),
          ...(job.loading === undefined ? {} : { loading: job.loading }),
        })
  let looks = 0
  let moved = 0
  for (;;) {
    const rung = doorbell.count
    for (const order of posted<OutgoingOrder & IncomingOrder>(job.port)) engine.order(order, threadNow())
    const wait = engine.step(link, threadNow())
    if (wait.kind === 'over') break
    // What counts is how long nothing has moved: a link that is full after each step is a busy one.
    looks = wait.kind === 'link' && engine.bytesMoved === moved ? looks + 1 : 0
    moved = engine.bytesMoved
    doorbell.sleep(rung, patience(wait, looks))
  }
  job.port.postMessage({ type: 'over' })
  job.port.close()
}

const patience = (wait: Exclude<Wait, { kind: 'over' }>, looks: number): number => {
  if (wait.kind === 'order') return 1000
  if (wait.kind === 'until') return Math.max(0, wait.millis - threadNow())
  return looks > LINK_EAGER_LOOKS ? LINK_MILLIS_MAX : LINK_MILLIS_MIN
}

parentPort?.on('message', runJob)
// All that a job needs has been loaded.
parentPort?.postMessage('ready')
