/**
 * The sending half of the data plane, for one run: what QEMU's migration thread does. A stepper without clock, thread or
 * socket: it is told the time, given a link that never waits, and says what it would wait for next. So the same code
 * runs in a worker thread over a file descriptor and under a simulated clock over a simulated link.
 *
 *   setup -> (iterate -> converged) -> complete -> flushed -> prepared -> commit -> loaded
 *
 * Which of these is next is never decided here: the engine reports facts and takes orders.
 */
import { ChannelError, type ByteLink } from '../channel/byte-link.ts'
import { DirtyBitmap, PAGE_BYTES, zeroTester, type GuestMemory } from '../memory/index.ts'
import {
  countedName,
  RAM_IDSTR,
  RAM_INSTANCE,
  RAM_PAGE,
  RAM_VERSION,
  ReturnPathDecoder,
  StreamError,
  describeDevices,
  writeCommand,
  writeConfiguration,
  writeEof,
  writeEos,
  writeFooter,
  writeHeader,
  writePageHeader,
  writeRamBlockList,
  writeSectionEnd,
  writeSectionFull,
  writeSectionPart,
  writeSectionStart,
  writeVmDescription,
  writeZeroPage,
  type ReturnPathMessage,
} from '../wire/index.ts'
import { BandwidthWindow } from './bandwidth-window.ts'
import { deviceSections, MACHINE_NAME, PREPARE_PING, RAM_SECTION_ID, type DeviceState } from './dialect.ts'
import { OutputQueue } from './output-queue.ts'
import type { OutgoingOrder, OutgoingReport, Wait } from './order.ts'

/** Longest time in one round of pages before the state is looked at again (QEMU's MAX_WAIT). */
const ROUND_MILLIS = 50
/** Shortest time between two evaluations of the dirty rate. */
const RATE_PERIOD_MILLIS = 1000
/** Bytes that must have moved in a window before the downtime is estimated anew. */
const ESTIMATE_BYTES_MIN = 10_000
/** How often progress is reported while nothing else happens. */
const REPORT_MILLIS = 50

type Phase =
  | 'idle'
  | 'setup'
  | 'iterating'
  | 'converged'
  | 'completing'
  | 'flushing'
  | 'preparing'
  | 'committing'
  | 'sent'
  | 'over'

/** What an engine is made for. */
export interface OutgoingEngineOptions {
  readonly memory: GuestMemory
  /** Called for every fact, in order. */
  readonly report: (news: OutgoingReport) => void
}

export class OutgoingEngine {
  readonly #memory: GuestMemory
  readonly #report: (news: OutgoingReport) => void
  /** Pages still to be sent, one bitmap a block. Only this engine touches them; the guest marks the log. */
  readonly #dirty: readonly DirtyBitmap[]
  readonly #isZero: readonly ((offset: number) => boolean)[]
  readonly #names: readonly Uint8Array[]
  readonly #queue = new OutputQueue()
  readonly #answers = new Uint8Array(1024)
  #answersHeld = 0
  readonly #returnPath: ReturnPathDecoder
  #hasReturnPath = false
  #phase: Phase = 'idle'
  #devices: readonly DeviceState[] = []
  #window = new BandwidthWindow({ maxBandwidth: 0, downtimeLimitMillis: 0 }, 0)
  /** Where the scan is: block, page; and the block of the page record before. */
  #block = 0
  #page = 0
  #sentBlock = -1
  #dirtyPages = 0
  #inSection = false
  /** Until when pages go out without another look at how much is left. */
  #roundEndMillis = 0
  #startedMillis = 0
  #periodMillis = 0
  #periodPages = 0
  /** Never before the setup: there is nothing to report yet, least of all that no page remains. */
  #reportedMillis = Infinity
  #expectedDowntimeMillis = 0
  readonly #figures = { transferred: 0, duplicate: 0, normal: 0, rate: 0, mbps: 0, syncs: 0 }

  constructor(options: OutgoingEngineOptions) {
    this.#memory = options.memory
    this.#report = options.report
    this.#dirty = options.memory.blocks.map((block) => new DirtyBitmap(block.pageCount))
    this.#isZero = options.memory.blocks.map((block) => zeroTester(block.bytes))
    this.#names = options.memory.blocks.map((block) => countedName(block.name))
    this.#returnPath = new ReturnPathDecoder((message) => this.#hear(message))
  }

  /** Pages that would have to be sent to reach the memory of the last sync: what the model of a test looks at. */
  get dirtyPages(): number {
    return this.#dirtyPages
  }

  /** Whether a page is clean, that is: sent since it was last found dirty. */
  isClean(block: number, page: number): boolean {
    return !this.#dirty[block]!.test(page)
  }

  /** Whether everything that was put together has been handed to the link: what is clean has then been written. */
  get isFlushed(): boolean {
    return this.#queue.isEmpty
  }

  /** Bytes handed to the link so far, framing and all. */
  get bytesWritten(): number {
    return this.#queue.bytesWritten
  }

  order(order: OutgoingOrder, nowMillis: number): void {
    if (this.#phase === 'over') return
    switch (order.type) {
      case 'setup':
        this.#setUp(order, nowMillis)
        break
      case 'iterate':
        this.#phase = 'iterating'
        break
      case 'set-parameters':
        this.#window.parameters = order.parameters
        break
      case 'complete':
        this.#devices = order.devices
        this.#sync(nowMillis)
        this.#phase = 'completing'
        break
      case 'commit':
        this.#writeEnd()
        this.#phase = 'committing'
        break
      case 'abort':
        this.#phase = 'over'
        this.#memory.stopLog()
        break
    }
  }

  /** Does what can be done without waiting, and says what to wait for. Never throws: what fails is reported. */
  step(link: ByteLink, nowMillis: number): Wait {
    if (this.#phase === 'over') return { kind: 'over' }
    try {
      const wait = this.#advance(link, nowMillis)
      if (nowMillis - this.#reportedMillis >= REPORT_MILLIS) this.#reportProgress(nowMillis)
      return wait
    } catch (error) {
      const cause = error instanceof ChannelError ? (this.#lastWord(link) ?? error) : error
      return this.#ended() ? { kind: 'over' } : this.#fail(cause)
    }
  }

  /** A destination that gives up says so and closes: a write may find the closed channel before its word is heard. */
  #lastWord(link: ByteLink): StreamError | undefined {
    if (!this.#hasReturnPath) return undefined
    try {
      this.#listen(link)
    } catch (error) {
      if (error instanceof StreamError) return error
    }
    return undefined
  }

  #fail(error: unknown): Wait {
    this.#phase = 'over'
    this.#memory.stopLog()
    const side = error instanceof ChannelError ? 'channel' : error instanceof StreamError ? 'destination' : 'source'
    const reason = error instanceof Error ? error.message : String(error)
    this.#report({ type: 'outgoing.failed', reason, side })
    return { kind: 'over' }
  }

  #advance(link: ByteLink, nowMillis: number): Wait {
    if (this.#hasReturnPath) this.#listen(link)
    if (this.#ended()) return { kind: 'over' }
    for (;;) {
      if (!this.#flush(link)) return { kind: 'link' }
      switch (this.#phase) {
        case 'setup':
          this.#phase = 'idle'
          this.#report({ type: 'outgoing.setup-done', setupMillis: Math.round(nowMillis - this.#startedMillis) })
          break
        case 'iterating': {
          const wait = this.#iterate(nowMillis)
          if (wait !== undefined) return wait
          break
        }
        case 'completing':
          if (this.#fillPages(Infinity)) this.#writeDevices()
          break
        case 'flushing':
          this.#phase = 'preparing'
          this.#reportProgress(nowMillis)
          this.#report({ type: 'outgoing.flushed' })
          break
        case 'committing':
          this.#phase = 'sent'
          this.#report({ type: 'sent' })
          break
        default:
          return this.#hasReturnPath ? { kind: 'link' } : { kind: 'order' }
      }
    }
  }

  #ended(): boolean {
    return this.#phase === 'over'
  }

  #flush(link: ByteLink): boolean {
    const before = this.#queue.bytesWritten
    const done = this.#queue.flush(link)
    this.#window.add(this.#queue.bytesWritten - before)
    return done
  }

  /** Opens the stream: every page counts as dirty, guest writes are logged from here on (I7, I16). */
  #setUp({ parameters, returnPath, identity }: Extract<OutgoingOrder, { type: 'setup' }>, nowMillis: number): void {
    this.#phase = 'setup'
    this.#hasReturnPath = returnPath
    this.#startedMillis = nowMillis
    this.#periodMillis = nowMillis
    this.#reportedMillis = nowMillis
    this.#expectedDowntimeMillis = parameters.downtimeLimitMillis
    this.#window = new BandwidthWindow(parameters, nowMillis)
    this.#memory.startLog()
    for (const bitmap of this.#dirty) bitmap.setAll()
    this.#dirtyPages = this.#memory.blocks.reduce((sum, block) => sum + block.pageCount, 0)
    const { small } = this.#queue
    let at = writeConfiguration(small, writeHeader(small, 0), { machine: MACHINE_NAME, uuid: identity })
    if (returnPath) {
      at = writeCommand(small, at, { name: 'OPEN_RETURN_PATH' })
      at = writeCommand(small, at, { name: 'PING', value: 1 })
    }
    at = writeSectionStart(small, at, {
      id: RAM_SECTION_ID,
      idstr: RAM_IDSTR,
      instance: RAM_INSTANCE,
      version: RAM_VERSION,
    })
    at = writeRamBlockList(small, at, this.#memory.blocks)
    this.#queue.at = writeFooter(small, writeEos(small, at), RAM_SECTION_ID)
    this.#sync(nowMillis)
    // What the artificial first bitmap holds was not dirtied by the guest (S3).
    this.#periodPages = 0
  }

  /** Moves the guest's log into the bitmap: the start of a pass. */
  #sync(nowMillis: number): void {
    for (let index = 0; index < this.#dirty.length; index++) {
      const { reported, added } = this.#memory.log[index]!.drainInto(this.#dirty[index]!)
      this.#dirtyPages += added
      this.#periodPages += reported
    }
    this.#memory.fates?.beginPass(this.#dirty)
    const elapsed = nowMillis - this.#periodMillis
    if (elapsed > RATE_PERIOD_MILLIS) {
      this.#figures.rate = Math.trunc((this.#periodPages * 1000) / elapsed)
      this.#periodMillis = nowMillis
      this.#periodPages = 0
    }
    this.#figures.syncs++
    this.#reportProgress(nowMillis)
    this.#report({ type: 'outgoing.pass', pass: this.#figures.syncs })
  }

  /** One turn of precopy; undefined: go on. */
  #iterate(nowMillis: number): Wait | undefined {
    this.#rollWindow(nowMillis)
    if (nowMillis >= this.#roundEndMillis || this.#dirtyPages === 0) {
      if (this.#hasConverged(nowMillis)) return this.#converge(nowMillis)
      this.#roundEndMillis = nowMillis + ROUND_MILLIS
    }
    const allowance = this.#window.allowanceBytes
    if (allowance > 0) {
      this.#fillPages(allowance)
      return undefined
    }
    this.#roundEndMillis = 0
    this.#closeSection()
    return this.#queue.isEmpty ? { kind: 'until', millis: this.#window.endMillis } : undefined
  }

  /** Whether what is left can be sent within the downtime limit; takes in the guest's log if it may be. */
  #hasConverged(nowMillis: number): boolean {
    const threshold = this.#window.thresholdBytes
    if (this.#dirtyPages * PAGE_BYTES < threshold) this.#sync(nowMillis)
    const pending = this.#dirtyPages * PAGE_BYTES
    return pending === 0 || pending < threshold
  }

  #converge(nowMillis: number): Wait | undefined {
    this.#closeSection()
    if (!this.#queue.isEmpty) return undefined
    this.#phase = 'converged'
    this.#reportProgress(nowMillis)
    this.#report({ type: 'outgoing.converged' })
    return undefined
  }

  #rollWindow(nowMillis: number): void {
    if (!this.#window.roll(nowMillis)) return
    const speed = this.#window.bytesPerMillis
    this.#figures.mbps = (speed * 8) / 1000
    if (speed * 100 > ESTIMATE_BYTES_MIN)
      this.#expectedDowntimeMillis = Math.trunc((this.#dirtyPages * PAGE_BYTES) / speed)
  }

  #openSection(): void {
    if (this.#inSection) return
    const { small } = this.#queue
    this.#queue.at =
      this.#phase === 'completing'
        ? writeSectionEnd(small, this.#queue.at, RAM_SECTION_ID)
        : writeSectionPart(small, this.#queue.at, RAM_SECTION_ID)
    this.#inSection = true
  }

  #closeSection(): void {
    if (!this.#inSection) return
    const { small } = this.#queue
    this.#queue.at = writeFooter(small, writeEos(small, this.#queue.at), RAM_SECTION_ID)
    this.#figures.transferred += 8
    this.#inSection = false
  }

  /** Adds dirty pages to the batch, up to the allowance; true when none is left. */
  #fillPages(allowance: number): boolean {
    this.#openSection()
    const before = this.#figures.transferred
    while (this.#queue.hasRoom && this.#figures.transferred - before < allowance) {
      if (this.#dirtyPages === 0) {
        this.#closeSection()
        return true
      }
      this.#addPage()
    }
    return false
  }

  /** The next dirty page. Its bit is cleared before its bytes are read: a write in between marks the log again (I16). */
  #addPage(): void {
    const bitmap = this.#dirty[this.#block]!
    const page = bitmap.next(this.#page)
    if (page >= bitmap.pageCount) {
      this.#block = (this.#block + 1) % this.#dirty.length
      this.#page = 0
      return
    }
    bitmap.clear(page)
    this.#dirtyPages--
    this.#page = page + 1
    const block = this.#memory.blocks[this.#block]!
    const offset = page * PAGE_BYTES
    const name = this.#sentBlock === this.#block ? undefined : this.#names[this.#block]
    this.#sentBlock = this.#block
    const { small, at } = this.#queue
    if (this.#isZero[this.#block]!(offset)) {
      this.#queue.at = writeZeroPage(small, at, offset, name)
      this.#memory.fates?.add(this.#block, page, 'zero')
      this.#figures.duplicate++
      this.#figures.transferred += this.#queue.at - at
      return
    }
    this.#queue.at = writePageHeader(small, at, offset, RAM_PAGE, name)
    this.#figures.transferred += this.#queue.at - at + PAGE_BYTES
    this.#figures.normal++
    this.#memory.fates?.add(this.#block, page, 'sent')
    this.#queue.push(block.bytes.subarray(offset, offset + PAGE_BYTES))
  }

  /** Behind the last page: the devices, and the question whether all of it has been loaded. */
  #writeDevices(): void {
    const { small } = this.#queue
    let at = this.#queue.at
    for (const { section, payload } of deviceSections(this.#devices)) {
      at = writeSectionFull(small, at, section)
      small.set(payload, at)
      at = writeFooter(small, at + payload.length, section.id)
    }
    if (this.#hasReturnPath) at = writeCommand(small, at, { name: 'PING', value: PREPARE_PING })
    this.#queue.at = at
    this.#memory.stopLog()
    this.#phase = 'flushing'
  }

  /** The end mark and the description: from the first of these bytes on the destination may run the guest. */
  #writeEnd(): void {
    const { small } = this.#queue
    const description = describeDevices(
      deviceSections(this.#devices).map(({ section, payload }) => ({
        idstr: section.idstr,
        instance: section.instance,
        version: section.version,
        length: payload.length,
      })),
    )
    this.#queue.at = writeVmDescription(small, writeEof(small, this.#queue.at), description)
  }

  #listen(link: ByteLink): void {
    for (;;) {
      const count = link.read(this.#answers, this.#answersHeld, this.#answers.length)
      if (count === 0) return
      if (count < 0) {
        this.#returnPath.finish(this.#answersHeld)
        throw new ChannelError('read', 'EOF', 'the destination closed the channel')
      }
      const end = this.#answersHeld + count
      const used = this.#returnPath.feed(this.#answers, 0, end)
      this.#answers.copyWithin(0, used, end)
      this.#answersHeld = end - used
      if (this.#ended()) return
    }
  }

  #hear(message: ReturnPathMessage): void {
    if (message.name === 'PONG') {
      if (message.value === PREPARE_PING && this.#phase === 'preparing') this.#report({ type: 'outgoing.prepared' })
      return
    }
    if (message.name !== 'SHUT')
      throw new StreamError(
        this.#returnPath.position,
        'Unexpected message on the return path',
        'PONG or SHUT',
        message.name,
      )
    if (message.value !== 0)
      throw new StreamError(this.#returnPath.position, 'The destination gave up', 'SHUT 0', `SHUT ${message.value}`)
    if (this.#phase !== 'committing' && this.#phase !== 'sent')
      throw new StreamError(
        this.#returnPath.position,
        'The destination ended early',
        'no SHUT before the end mark',
        'SHUT 0',
      )
    this.#phase = 'over'
    this.#report({ type: 'outgoing.loaded' })
  }

  #reportProgress(nowMillis: number): void {
    this.#reportedMillis = nowMillis
    const { transferred, duplicate, normal, rate, mbps, syncs } = this.#figures
    this.#report({
      type: 'outgoing.progress',
      ram: {
        transferred,
        remaining: this.#dirtyPages * PAGE_BYTES,
        total: this.#memory.totalBytes,
        duplicate,
        skipped: 0,
        normal,
        'normal-bytes': normal * PAGE_BYTES,
        'dirty-pages-rate': rate,
        mbps,
        'dirty-sync-count': syncs,
        'postcopy-requests': 0,
        'page-size': PAGE_BYTES,
      },
      expectedDowntimeMillis: this.#expectedDowntimeMillis,
    })
  }
}
