/**
 * The primary's half of a checkpoint, in the engine that sent the first stream: the messages it is told to send, what the
 * guest wrote since the last checkpoint, the devices behind it; and the secondary's answers, each of which is told as it
 * comes. In which order that has to be is the core's to know.
 *
 * In the form of 7.2 pages go out at once, and only the devices are sized. In that of 2.11 a checkpoint is a whole stream
 * whose size comes first: the pages are looked at twice, so that nothing has to be kept.
 */
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import { PAGE_BYTES, zeroTester, type GuestMemory } from '../../memory/index.ts'
import {
  coloMessageBytes,
  writeColoMessage,
  writeConfiguration,
  writeEof,
  writeHeader,
  type ColoDialect,
  type ColoMessage,
  type ColoMessageName,
} from '../../wire/index.ts'
import { descriptionBytesOf, deviceBytesOf, written } from '../device-bytes.ts'
import { coloState, MACHINE_NAME, type DeviceState } from '../dialect.ts'
import type { OutgoingReport, Wait } from '../order.ts'
import type { OutputQueue } from '../output-queue.ts'
import type { PageEncoder } from '../page-encoder.ts'
import type { PageScan } from '../page-scan.ts'
import { SecondaryAnswers } from './secondary-answers.ts'
import { EOS_BYTES, RESERVE_BYTES, type RamSection } from '../ram-section.ts'
import type { RamStatistics } from '../ram-statistics.ts'

/** The parts of the sending engine that lock-step goes on with. */
export interface CheckpointSenderOptions {
  readonly memory: GuestMemory
  readonly queue: OutputQueue
  readonly scan: PageScan
  readonly section: RamSection
  readonly encoder: PageEncoder
  readonly statistics: RamStatistics
  readonly report: (news: OutgoingReport) => void
  readonly dialect: ColoDialect
  /** How long an answer may take. */
  readonly patienceMillis: number
}

const HEAD_BYTES_MAX = 1024
/** Head of a page record without the name of a block; a name takes a byte more than it has. */
const RECORD_HEAD_BYTES = 8

const eof = written(1, (bytes) => writeEof(bytes, 0))

export class CheckpointSender {
  readonly #options: CheckpointSenderOptions
  readonly #answers: SecondaryAnswers
  #phase: 'idle' | 'pages' | 'state' = 'idle'
  /** What follows the pages: the devices, and in 2.11 their description. */
  #state: readonly Uint8Array[] = []
  #devices: readonly DeviceState[] = []
  /** 2.11: where in the output the stream has to end that has been announced. */
  #announcedEnd: number | undefined
  /** How much the link had taken when it was last found full, and since when that has not changed. */
  #takenBytes = -1
  #fullMillis = 0

  constructor(options: CheckpointSenderOptions, nowMillis: number) {
    this.#options = options
    this.#answers = new SecondaryAnswers(options.report, options.patienceMillis, nowMillis)
  }

  message(name: ColoMessageName, nowMillis: number): void {
    if (name === 'vmstate-size') return
    this.#say({ name })
    if (name === 'checkpoint-request') this.#answers.await(nowMillis)
  }

  #say(message: ColoMessage): void {
    this.#options.queue.append(written(coloMessageBytes(message), (bytes) => writeColoMessage(bytes, 0, message)))
  }

  /** A new pass over what the guest wrote; it stands still. */
  checkpoint(devices: readonly DeviceState[], nowMillis: number): void {
    const { dialect, scan, statistics, report } = this.#options
    this.#devices = dialect === '2.11' ? [...devices, coloState] : devices
    statistics.countSync(scan.sync(), nowMillis)
    report({ type: 'outgoing.pass', pass: statistics.syncs })
    if (dialect === '7.2') this.#phase = 'pages'
    else report({ type: 'outgoing.vmstate-saved' })
  }

  sendState(): void {
    const { dialect, queue } = this.#options
    const devices = Buffer.concat([deviceBytesOf(this.#devices), eof])
    if (dialect === '2.11') return this.#sendStream(devices)
    this.#say({ name: 'vmstate-size', bytes: devices.length })
    queue.append(devices)
    this.#phase = 'state'
  }

  /** A whole stream. Its end is in the same place whether it was counted or sent, or the secondary would lose its place. */
  #sendStream(devices: Uint8Array): void {
    const { queue, section } = this.#options
    const head = written(HEAD_BYTES_MAX, (bytes) =>
      writeConfiguration(bytes, writeHeader(bytes, 0), { machine: MACHINE_NAME }),
    )
    this.#state = [devices, descriptionBytesOf(this.#devices)]
    const stateBytes = this.#state.reduce((sum, { length }) => sum + length, 0)
    const bytes = head.length + section.startBytes + this.#pageBytes() + stateBytes
    this.#say({ name: 'vmstate-size', bytes })
    this.#announcedEnd = queue.bytesWritten + queue.pending + bytes
    queue.append(head)
    section.start()
    this.#phase = 'pages'
  }

  /** Bytes of the END part that all pages which wait make. */
  #pageBytes(): number {
    const { memory, scan, section } = this.#options
    const isZero = memory.blocks.map((block) => zeroTester(block.bytes))
    let { previous } = section
    let bytes = section.partBytes
    scan.forEach((block, offset) => {
      const name = block === previous ? 0 : 1 + memory.blocks[block]!.name.length
      bytes += RECORD_HEAD_BYTES + name + (isZero[block]!(offset) ? 1 : PAGE_BYTES)
      previous = block
    })
    return bytes
  }

  /**
   * Does what can be done without waiting; the queue is empty.
   * @returns what to wait for; undefined: there is more to hand over.
   * @throws ChannelError where the other side says nothing any more.
   */
  advance(nowMillis: number): Wait | undefined {
    switch (this.#phase) {
      case 'pages':
        this.#fillPages()
        return undefined
      case 'state':
        return this.#endState(nowMillis)
      case 'idle':
        this.#answers.checkPatience(nowMillis)
        return { kind: 'link' }
    }
  }

  #fillPages(): void {
    const { queue, scan, section, encoder } = this.#options
    section.open(true)
    while (queue.room >= RESERVE_BYTES) {
      if (!scan.next()) return this.#endPages()
      encoder.encode(scan.block, scan.offset)
    }
  }

  #endPages(): void {
    const { dialect, queue, section, statistics, report } = this.#options
    section.close()
    statistics.transferred += EOS_BYTES
    if (dialect === '7.2') {
      queue.append(eof)
      this.#phase = 'idle'
      report({ type: 'outgoing.vmstate-saved' })
    } else {
      for (const piece of this.#state) queue.append(piece)
      this.#phase = 'state'
    }
  }

  #endState(nowMillis: number): Wait {
    const { queue, report } = this.#options
    if (this.#announcedEnd !== undefined && queue.bytesWritten !== this.#announcedEnd)
      throw new Error(`expected a checkpoint to end at byte ${this.#announcedEnd}, found ${queue.bytesWritten}`)
    this.#announcedEnd = undefined
    this.#phase = 'idle'
    this.#answers.await(nowMillis)
    report({ type: 'outgoing.vmstate-sent' })
    return { kind: 'link' }
  }

  /** The link takes nothing more for now. @throws ChannelError where that has been so for too long. */
  full(nowMillis: number): void {
    const { queue, patienceMillis } = this.#options
    if (queue.bytesWritten !== this.#takenBytes) {
      this.#takenBytes = queue.bytesWritten
      this.#fullMillis = nowMillis
    } else if (nowMillis - this.#fullMillis >= patienceMillis)
      throw new ChannelError('write', 'ETIMEDOUT', `the secondary has taken nothing for ${patienceMillis} ms`)
  }

  /** Hears what the secondary has said. @throws StreamError, ChannelError */
  listen(link: ByteLink, nowMillis: number): void {
    this.#answers.listen(link, nowMillis)
  }
}
