/**
 * The source's half of postcopy, beside the passes of the engine: what the destination has to forget, the package of devices,
 * and then the pages that are missing there, with what was asked for first. Which of these is next the charts decide.
 *
 *   advise -> (start) -> package -> [loaded there] -> leave to run -> [has it] + requests + background -> end
 *   resume -> what has arrived? -> go on with the rest
 */
import type { PostcopySettings } from '../../core/intent.ts'
import { PAGE_BYTES, type GuestMemory } from '../../memory/index.ts'
import {
  commandBytes,
  writeCommand,
  writeEof,
  type Command,
  type RamRange,
  type ReturnPathMessage,
} from '../../wire/index.ts'
import { descriptionBytesOf, deviceBytesOf } from '../device-bytes.ts'
import { LEAVE_PING, PREPARE_PING, type DeviceState } from '../dialect.ts'
import type { OutputQueue } from '../output-queue.ts'
import type { PageEncoder } from '../page-encoder.ts'
import type { PageScan } from '../page-scan.ts'
import { EOS_BYTES, RESERVE_BYTES, type RamSection } from '../ram-section.ts'
import type { RamStatistics } from '../ram-statistics.ts'
import type { ReturnPath } from '../return-path.ts'

/** Ranges of one command (QEMU's MAX_DISCARDS_PER_COMMAND). */
const RANGES_MAX = 12
/** Bytes of pages between two looks at what the destination asks for: what is asked for waits for no more than these. */
const TURN_BYTES = 64 * 1024
/** Requests that may wait here; a destination of ours has one a vCPU. */
const REQUESTS_MAX = 4096

/** What of the engine postcopy works on. */
export interface PostcopyParts {
  readonly memory: GuestMemory
  readonly queue: OutputQueue
  readonly scan: PageScan
  readonly section: RamSection
  readonly encoder: PageEncoder
  readonly statistics: RamStatistics
  readonly returnPath: ReturnPath
}

type PageRequest = Extract<ReturnPathMessage, { name: 'REQ_PAGES' | 'REQ_PAGES_ID' }>

export class PostcopySender {
  readonly #parts: PostcopyParts
  readonly #settings: PostcopySettings
  /** The destination has taken the advice. */
  isReady = false
  /** Postcopy was asked for. */
  isStarted: boolean
  /** The destination has said that the guest is free to run there. */
  hasLeave = false
  /** Pages that were asked for and not sent, in the order in which they were asked for. */
  #requests: { readonly block: number; readonly page: number }[] = []
  #hasEnded = false
  #isPackaged = false
  /** Blocks of which it is not known yet what has arrived; only when a broken postcopy is resumed. */
  #unknownBlocks = new Set<string>()

  constructor(parts: PostcopyParts, settings: PostcopySettings) {
    this.#parts = parts
    this.#settings = settings
    this.isStarted = settings.isStarted
  }

  /** Everything has been sent, the end mark too. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** The package was written. */
  get isPackaged(): boolean {
    return this.#isPackaged
  }

  /** Tells the destination that postcopy may come. */
  advise(): void {
    this.#command({ name: 'POSTCOPY_ADVISE', pageSizes: { summary: PAGE_BYTES, target: PAGE_BYTES } })
  }

  /** What the destination has to forget; then its devices, and whether they are loaded. */
  writePackage(devices: readonly DeviceState[]): void {
    const { memory, queue, scan } = this.#parts
    this.#isPackaged = true
    for (const [block, { name }] of memory.blocks.entries()) {
      const ranges = scan.ranges(block)
      for (let from = 0; from < ranges.length; from += RANGES_MAX)
        queue.append(discard(name, ranges.slice(from, from + RANGES_MAX)))
    }
    const content = [
      bytesOf({ name: 'POSTCOPY_LISTEN' }),
      deviceBytesOf(devices),
      bytesOf({ name: 'PING', value: PREPARE_PING }),
    ]
    queue.append(bytesOf({ name: 'PACKAGED', length: content.reduce((sum, { length }) => sum + length, 0) }))
    for (const bytes of content) queue.append(bytes)
  }

  /** The guest may run there from here on. */
  leave(): void {
    this.#command({ name: 'POSTCOPY_RUN' })
    this.#command({ name: 'PING', value: LEAVE_PING })
  }

  /** @throws StreamError on a range that does not exist here, or more requests than any guest has reason for. */
  request({ block: name, start, length }: PageRequest): void {
    const { memory, scan, statistics, returnPath } = this.#parts
    const block = memory.blocks.findIndex((each) => each.name === name)
    const end = start + length
    if (block < 0 || start % PAGE_BYTES !== 0 || length % PAGE_BYTES !== 0 || end > memory.blocks[block]!.usedLength)
      throw returnPath.refusal('A page that does not exist was asked for', 'whole pages of a block', `${name} ${start}`)
    statistics.postcopyRequests++
    for (let page = start / PAGE_BYTES; page < end / PAGE_BYTES; page++) {
      memory.fates?.add(block, page, 'requested')
      // What is clean is on its way already.
      if (scan.isClean(block, page)) continue
      if (this.#requests.length >= REQUESTS_MAX)
        throw returnPath.refusal('Too many pages are asked for at once', `at most ${REQUESTS_MAX}`, 'more')
      this.#requests.push({ block, page })
    }
  }

  /**
   * Puts a few pages into the queue: those that were asked for, whatever the limit; then others, up to `allowanceBytes`; and
   * when none is left, and the destination has its leave, the end mark. False: there is nothing to do for now.
   */
  fill(allowanceBytes: number): boolean {
    if (this.#hasEnded) return false
    const { scan, section, statistics } = this.#parts
    const before = statistics.transferred
    while (this.#hasRoom) {
      const next = this.#requests.shift()
      if (next === undefined) break
      if (scan.take(next.block, next.page)) this.#send()
    }
    const limit = Math.min(allowanceBytes, TURN_BYTES)
    while (statistics.transferred - before < limit && this.#hasRoom && scan.next()) this.#send()
    if (section.close()) {
      statistics.transferred += EOS_BYTES
      return true
    }
    if (scan.remaining > 0 || !this.hasLeave) return false
    this.#end()
    return true
  }

  get #hasRoom(): boolean {
    return this.#parts.queue.room >= RESERVE_BYTES
  }

  #send(): void {
    const { memory, scan, encoder, section } = this.#parts
    const { block, offset } = scan
    section.open(false)
    encoder.encode(block, offset)
    if (this.#settings.releasesRam && !this.#settings.canResume) memory.release(block, offset)
  }

  /** Behind the last page. */
  #end(): void {
    const { queue, section, statistics } = this.#parts
    section.open(true)
    if (section.close()) statistics.transferred += EOS_BYTES
    queue.at = writeEof(queue.bytes, queue.at)
    // A stream in which no package came ends with a description.
    if (!this.#isPackaged) queue.append(descriptionBytesOf([]))
    this.#hasEnded = true
  }

  /** The destination has all of it, and nobody will ask for a page again. */
  finish(): void {
    const { memory, encoder } = this.#parts
    if (!this.#settings.releasesRam || !this.#settings.canResume) return
    // What was never touched costs nothing, and should not begin to.
    for (const [block, { usedLength }] of memory.blocks.entries())
      for (let offset = 0; offset < usedLength; offset += PAGE_BYTES)
        if (!encoder.isZero(block, offset)) memory.release(block, offset)
  }

  // A broken postcopy goes on

  /** Asks what has arrived. */
  askReceived(): void {
    for (const { name } of this.#parts.memory.blocks) {
      this.#unknownBlocks.add(name)
      this.#command({ name: 'RECV_BITMAP', block: name })
    }
  }

  /** What of a block has arrived: a bit a page. All else is to be sent. @throws StreamError */
  takeReceived(name: string, bitmap: Uint8Array): void {
    const { memory, scan, returnPath } = this.#parts
    const block = memory.blocks.findIndex((each) => each.name === name)
    if (!this.#unknownBlocks.delete(name))
      throw returnPath.refusal('Unexpected bitmap of what has arrived', 'one of each block', name)
    const pages = memory.blocks[block]!.pageCount
    const expected = 8 * Math.ceil(pages / 64)
    if (bitmap.length !== expected)
      throw returnPath.refusal(`Bitmap of ${name} has a wrong size`, `${expected} bytes`, `${bitmap.length} bytes`)
    scan.restore(block, bitmap)
    if (this.#unknownBlocks.size === 0) this.#command({ name: 'POSTCOPY_RESUME' })
  }

  #command(command: Command): void {
    const { queue } = this.#parts
    queue.append(bytesOf(command))
  }
}

const bytesOf = (command: Command): Uint8Array => {
  const bytes = new Uint8Array(commandBytes(command))
  writeCommand(bytes, 0, command)
  return bytes
}

const discard = (block: string, ranges: readonly RamRange[]): Uint8Array =>
  bytesOf({ name: 'POSTCOPY_RAM_DISCARD', block, ranges })
