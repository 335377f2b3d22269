/** Entry of a thread that serves one channel of multifd until it is stopped. */
import { workerData } from 'node:worker_threads'
import type { ByteLink } from '../../channel/byte-link.ts'
import { linkOf } from '../../channel/shared-link.ts'
import { GuestMemory } from '../../memory/guest-memory.ts'
import { ChannelCell } from './channel-cell.ts'
import { ChannelReader } from './channel-reader.ts'
import { ChannelWriter } from './channel-writer.ts'
import { PacketRing } from './packet-ring.ts'
import { ENDED, PASSED, type ChannelJob } from './channel-job.ts'

const send = (job: Extract<ChannelJob, { kind: 'send' }>, memory: GuestMemory, link: ByteLink, cell: ChannelCell) => {
  const packets = new PacketRing(job.packets)
  const writer = new ChannelWriter(memory, job.method, job.level)
  writer.open(job.channel)
  let underWay = false
  cell.serve(() => {
    if (!writer.isEmpty) return writer.flush(link)
    if (underWay) {
      packets.done()
      cell.ring()
      underWay = false
    }
    const packet = packets.next()
    if (packet === undefined) return 'idle'
    writer.put(packet)
    underWay = true
    return writer.flush(link)
  })
}

const receive = (
  job: Extract<ChannelJob, { kind: 'receive' }>,
  memory: GuestMemory,
  link: ByteLink,
  cell: ChannelCell,
) => {
  const rounds = new Int32Array(job.rounds)
  const reader = new ChannelReader(memory, job.method)
  cell.serve(() => {
    if (reader.isHeld) {
      if (Atomics.load(rounds, PASSED) < Atomics.load(rounds, ENDED)) return 'idle'
      reader.proceed()
    }
    const count = reader.step(link)
    if (reader.isHeld) {
      Atomics.add(rounds, ENDED, 1)
      cell.ring()
    }
    return count
  })
}

const run = (job: ChannelJob): void => {
  // A refused write is an ordinary answer here (EAGAIN), and stack traces are most of what an exception costs.
  Error.stackTraceLimit = 0
  const memory = GuestMemory.fromShared(job.memory)
  const link = linkOf(job.link)
  const cell = new ChannelCell(job.cell)
  if (job.kind === 'send') send(job, memory, link, cell)
  else receive(job, memory, link, cell)
}

run(workerData as ChannelJob)
