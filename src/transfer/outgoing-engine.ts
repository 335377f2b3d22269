/**
 * The sending half of the data plane, for one run: what QEMU's migration thread does. A stepper without clock, thread or
 * socket: it is told the time, given a link that never waits, and says what it would wait for next. So the same code
 * runs in a worker thread over a file descriptor and under a simulated clock over a simulated link.
 *
 *   setup -> (iterate -> converged) -> complete -> flushed -> prepared -> commit -> loaded
 *                    (-> postcopy)  -> package -> prepared -> commit -> package-sent -> loaded
 *
 * Which of these is next is never decided here: the engine reports facts and takes orders.
 */
import { ChannelError, type ByteLink } from '../channel/byte-link.ts'
import type { PostcopySettings, TransferMethods, TransferParameters } from '../core/intent.ts'
import type { GuestMemory } from '../memory/index.ts'
import {
  StreamError,
  writeCommand,
  writeConfiguration,
  writeEof,
  writeHeader,
  type ColoDialect,
  type ReturnPathMessage,
} from '../wire/index.ts'
import { BandwidthWindow } from './bandwidth-window.ts'
import { BlockSection, BLOCK_RECORD_BYTES_MAX } from './block-section.ts'
import { InlinePageThreads, type MakePageThreads } from './compression/page-threads.ts'
import { CheckpointSender } from './colo/checkpoint-sender.ts'
import { descriptionBytesOf, deviceBytesOf, written } from './device-bytes.ts'
import { coloState, LEAVE_PING, MACHINE_NAME, OPENING_PING, PREPARE_PING, type DeviceState } from './dialect.ts'
import type { SharedGuestDisk } from './disk/guest-disk.ts'
import type { DiskScanMaker } from './disk-scan.ts'
import { LinkSendChannels, type MakeSendChannels } from './multifd/send-channels.ts'
import type { OutgoingOrder, OutgoingReport, Wait } from './order.ts'
import { OutputQueue } from './output-queue.ts'
import { PageDispatch, type PageDispatchOptions } from './page-dispatch.ts'
import { PageEncoder } from './page-encoder.ts'
import { PageScan } from './page-scan.ts'
import { EOS_BYTES, RamSection, RESERVE_BYTES } from './ram-section.ts'
import { PostcopySender } from './postcopy/postcopy-sender.ts'
import { RamStatistics } from './ram-statistics.ts'
import { ReturnPath } from './return-path.ts'

/**
 * Bytes of a batch. The fewer calls the better, as the kernel wakes the other side in each; from 1 MiB on nothing more
 * is won.
 */
const BATCH_BYTES = 1024 * 1024
/** Bytes handed over in one step before orders and time are looked at again. */
const STEP_BYTES_MAX = 8 * 1024 * 1024
/** Longest time in one round of pages before the state is looked at again (QEMU's MAX_WAIT). */
const ROUND_MILLIS = 50
/** Bytes that must have moved in a window before the downtime is estimated anew. */
const ESTIMATE_BYTES_MIN = 10_000
/** How often progress is reported while nothing else happens. */
const REPORT_MILLIS = 50
/** How long a destination may take to load its devices in postcopy, or to say what has arrived. */
const ANSWER_MILLIS_MAX = 10_000

type Phase =
  | 'idle'
  | 'setup'
  | 'iterating'
  | 'converged'
  | 'completing'
  | 'flushing'
  | 'preparing'
  | 'packaging'
  | 'postcopy'
  | 'resuming'
  | 'committing'
  | 'sent'
  | 'lock-step'
  | 'over'

/** What an engine is made for. */
export interface OutgoingEngineOptions {
  readonly memory: GuestMemory
  /** Its disks, which are moved where the order says so. Default none. */
  readonly disks?: readonly SharedGuestDisk[]
  /** Called for every fact, in order. */
  readonly report: (news: OutgoingReport) => void
  /** Default {@link DiskScan}. */
  readonly makeDiskScan?: DiskScanMaker
  /** Default {@link PageDispatch}. */
  readonly makeDispatch?: (options: PageDispatchOptions) => PageDispatch
  /** Default: pages are compressed here. */
  readonly makeThreads?: MakePageThreads
  /** Default: none; then a run by multifd fails. */
  readonly makeChannels?: MakeSendChannels
}

export class OutgoingEngine {
  readonly #memory: GuestMemory
  readonly #report: (news: OutgoingReport) => void
  readonly #makeDispatch: NonNullable<OutgoingEngineOptions['makeDispatch']>
  readonly #makeThreads: MakePageThreads
  readonly #makeChannels: MakeSendChannels
  readonly #disks: readonly SharedGuestDisk[]
  readonly #makeDiskScan: DiskScanMaker | undefined
  readonly #queue: OutputQueue
  readonly #statistics = new RamStatistics()
  readonly #scan: PageScan
  readonly #section: RamSection
  readonly #encoder: PageEncoder
  readonly #returnPath: ReturnPath
  #colo: ColoDialect | undefined
  #parameters: TransferParameters | undefined
  #lockStep: CheckpointSender | undefined
  #postcopy: PostcopySender | undefined
  /** Until when the destination has to answer, where nothing else would end the wait. */
  #deadlineMillis = Infinity
  #dispatch: PageDispatch | undefined
  #methods: TransferMethods = { xbzrle: false, compress: false }
  #channelBytes = 0
  #hasReturnPath = false
  #phase: Phase = 'idle'
  #devices: readonly DeviceState[] = []
  /** Disks that are moved in this run, until all of them have been. */
  #block: BlockSection | undefined
  #window = new BandwidthWindow({ maxBandwidth: 0, downtimeLimitMillis: 0 }, 0)
  /** Until when pages go out without another look at how much is left. */
  #roundEndMillis = 0
  #startedMillis = 0
  /** Never before the setup: there is nothing to report yet, least of all that no page remains. */
  #reportedMillis = Infinity
  #expectedDowntimeMillis = 0

  constructor(options: OutgoingEngineOptions) {
    const { memory, disks = [], report } = options
    this.#makeDispatch = options.makeDispatch ?? ((parts) => new PageDispatch(parts))
    this.#makeThreads = options.makeThreads ?? ((work, count) => new InlinePageThreads(work, count))
    this.#makeDiskScan = options.makeDiskScan
    this.#makeChannels = options.makeChannels ?? ((parts) => new LinkSendChannels([], parts))
    this.#memory = memory
    this.#disks = disks
    this.#queue = new OutputQueue(disks.length === 0 ? BATCH_BYTES : BATCH_BYTES + BLOCK_RECORD_BYTES_MAX)
    this.#report = report
    this.#scan = new PageScan(memory)
    this.#section = new RamSection(memory, this.#queue)
    this.#encoder = new PageEncoder(memory, this.#queue, this.#section, this.#statistics)
    this.#returnPath = new ReturnPath((message) => this.#hear(message))
  }

  /** Whether a page is clean, that is: sent since it was last found dirty. */
  isClean(block: number, page: number): boolean {
    return this.#scan.isClean(block, page)
  }

  /** What this side holds to be the destination's content of a page; undefined where it does not keep that. */
  cached(block: number, page: number): Uint8Array | undefined {
    return this.#isInPostcopy ? undefined : this.#dispatch?.cached(block, page)
  }

  /** The same for a chunk of a disk, by its place among them, for as long as disks are moved. */
  isChunkClean(disk: number, chunk: number): boolean {
    return this.#block?.scan.isClean(disk, chunk) ?? false
  }

  /** Whether everything that was put together has been handed to the link: what is clean has then been written. */
  get isFlushed(): boolean {
    return this.#queue.isEmpty && this.#dispatch?.isIdle !== false
  }

  /** Bytes handed to all links so far, framing and all. */
  get bytesMoved(): number {
    return this.#queue.bytesWritten + this.#channelBytes
  }

  order(order: OutgoingOrder, nowMillis: number): void {
    if (this.#phase === 'over') return
    switch (order.type) {
      case 'setup':
        try {
          this.#setUp(order, nowMillis)
        } catch (error) {
          this.#fail(error)
        }
        break
      case 'iterate':
        this.#phase = 'iterating'
        break
      case 'set-parameters':
        this.#limit(order.parameters)
        if (this.#dispatch !== undefined) this.#dispatch.parameters = order.parameters
        break
      case 'start-postcopy':
        if (this.#postcopy !== undefined) this.#postcopy.isStarted = true
        break
      case 'package':
        this.#devices = [...order.devices, ...(this.#block === undefined ? [] : [this.#block.state])]
        this.#sync(nowMillis)
        this.#phase = 'packaging'
        break
      case 'resume':
        this.#resume(order, nowMillis)
        break
      case 'break':
        this.#fail(new ChannelError('pause', 'ECANCELED', 'the channel was broken by migrate-pause'))
        break
      case 'complete':
        this.#devices = [
          ...order.devices,
          ...(this.#block === undefined ? [] : [this.#block.state]),
          ...(this.#colo === '2.11' ? [coloState] : []),
        ]
        this.#sync(nowMillis)
        this.#phase = 'completing'
        break
      case 'commit':
        if (this.#isInPostcopy) {
          this.#leave(nowMillis)
          break
        }
        this.#writeEnd()
        this.#phase = 'committing'
        break
      case 'lock-step':
        this.#goOnInLockStep(order.patienceMillis, nowMillis)
        break
      case 'colo-message':
        this.#lockStep?.message(order.message, nowMillis)
        break
      case 'checkpoint':
        this.#lockStep?.checkpoint(order.devices, nowMillis)
        break
      case 'send-vmstate':
        this.#lockStep?.sendState()
        break
      case 'abort':
        this.#end()
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
      const word = error instanceof ChannelError && this.#hasReturnPath ? this.#returnPath.lastWord(link) : undefined
      return this.#ended() ? { kind: 'over' } : this.#fail(word ?? error)
    }
  }

  #fail(error: unknown): Wait {
    // What has gone out has gone out, and may be gone on from.
    if (this.#isInPostcopy) this.#reportProgress(this.#reportedMillis)
    this.#end()
    const side = error instanceof ChannelError ? 'channel' : error instanceof StreamError ? 'destination' : 'source'
    const reason = error instanceof Error ? error.message : String(error)
    this.#report({ type: 'outgoing.failed', reason, side })
    return { kind: 'over' }
  }

  #end(): void {
    this.#phase = 'over'
    this.#memory.stopLog()
    this.#releaseDisks()
    this.#returnPath.close()
    this.#dispatch?.close()
  }

  #releaseDisks(): void {
    this.#block?.release()
    this.#block = undefined
  }

  #ended(): boolean {
    return this.#phase === 'over'
  }

  #advance(link: ByteLink, nowMillis: number): Wait {
    if (this.#hasReturnPath) this.#returnPath.listen(link)
    this.#lockStep?.listen(link, nowMillis)
    if (this.#ended()) return { kind: 'over' }
    const stepEnd = this.bytesMoved + STEP_BYTES_MAX
    while (this.bytesMoved < stepEnd) {
      if (!this.#flush(link)) {
        this.#lockStep?.full(nowMillis)
        return { kind: 'link' }
      }
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
          if (this.#fillDisks(Infinity) && this.#fillPages(Infinity)) this.#writeDevices()
          else if (this.#dispatch?.isBlocked === true || this.#remainingBytes === 0) {
            const wait = this.#stall()
            if (wait !== undefined) return wait
          }
          break
        case 'packaging':
          if (this.#fillDisks(Infinity) && this.#closeSection()) this.#writePackage(nowMillis)
          break
        case 'postcopy': {
          const wait = this.#goOnInPostcopy(link, nowMillis)
          if (wait !== undefined) return wait
          break
        }
        case 'flushing':
          this.#phase = 'preparing'
          this.#reportProgress(nowMillis)
          this.#report({ type: 'outgoing.flushed' })
          break
        case 'committing':
          this.#phase = 'sent'
          this.#report({ type: 'sent' })
          break
        case 'lock-step': {
          const wait = this.#lockStep?.advance(nowMillis)
          if (wait !== undefined) return wait
          break
        }
        default:
          if (nowMillis >= this.#deadlineMillis)
            throw new ChannelError('read', 'ETIMEDOUT', 'the destination does not answer')
          return this.#hasReturnPath ? { kind: 'link' } : { kind: 'order' }
      }
    }
    return { kind: 'until', millis: nowMillis }
  }

  #flush(link: ByteLink): boolean {
    const before = this.bytesMoved
    const done = this.#queue.flush(link)
    this.#channelBytes += this.#dispatch?.pump() ?? 0
    this.#window.add(this.bytesMoved - before)
    return done
  }

  /** Opens the stream: every page counts as dirty, guest writes are logged from here on (I7, I16). */
  #setUp(order: Extract<OutgoingOrder, { type: 'setup' }>, nowMillis: number): void {
    const { parameters, methods, returnPath, identity, colo, disks, postcopy } = order
    this.#phase = 'setup'
    this.#methods = methods
    this.#parameters = parameters
    this.#colo = colo
    this.#hasReturnPath = returnPath
    this.#startedMillis = nowMillis
    this.#reportedMillis = nowMillis
    this.#expectedDowntimeMillis = parameters.downtimeLimitMillis
    this.#window = new BandwidthWindow(parameters, nowMillis)
    this.#dispatch = this.#makeDispatch({
      memory: this.#memory,
      scan: this.#scan,
      encoder: this.#encoder,
      section: this.#section,
      statistics: this.#statistics,
      methods,
      parameters,
      makeThreads: this.#makeThreads,
      makeChannels: this.#makeChannels,
      hasRoom: () => this.#queue.room >= RESERVE_BYTES,
    })
    this.#memory.startLog()
    this.#scan.addAll()
    const { bytes } = this.#queue
    let at = writeConfiguration(bytes, writeHeader(bytes, 0), { machine: MACHINE_NAME, uuid: identity })
    if (returnPath) {
      at = writeCommand(bytes, at, { name: 'OPEN_RETURN_PATH' })
    }
    this.#queue.at = at
    if (postcopy !== undefined) {
      this.#postcopy = this.#makePostcopy(postcopy)
      this.#postcopy.advise()
    }
    // Behind the advice, which a destination that cannot do postcopy refuses: nothing begins before its PONG (I32).
    if (returnPath) this.#queue.at = writeCommand(bytes, this.#queue.at, { name: 'PING', value: OPENING_PING })
    if (colo === '7.2') this.#queue.at = writeCommand(bytes, this.#queue.at, { name: 'ENABLE_COLO' })
    if (disks !== undefined && this.#disks.length > 0) {
      this.#block = new BlockSection(this.#disks, this.#queue, disks, this.#makeDiskScan)
      this.#block.start()
    }
    this.#section.start()
    this.#statistics.startPeriod(nowMillis)
    this.#sync(nowMillis)
    // What the artificial first bitmap holds was not dirtied by the guest (S3).
    this.#statistics.startPeriod(nowMillis)
  }

  /** Ends the stream; the secondary's answers are all that comes back from here on. */
  #goOnInLockStep(patienceMillis: number, nowMillis: number): void {
    this.#writeEnd()
    this.#returnPath.close()
    this.#phase = 'lock-step'
    this.#lockStep = new CheckpointSender(
      {
        memory: this.#memory,
        queue: this.#queue,
        scan: this.#scan,
        section: this.#section,
        encoder: this.#encoder,
        statistics: this.#statistics,
        report: this.#report,
        dialect: this.#colo ?? '7.2',
        patienceMillis,
      },
      nowMillis,
    )
  }

  // Postcopy

  #makePostcopy(settings: PostcopySettings): PostcopySender {
    return new PostcopySender(
      {
        memory: this.#memory,
        queue: this.#queue,
        scan: this.#scan,
        section: this.#section,
        encoder: this.#encoder,
        statistics: this.#statistics,
        returnPath: this.#returnPath,
      },
      settings,
    )
  }

  /** The package is being sent, or was: there is no way back into precopy. */
  get #isInPostcopy(): boolean {
    return this.#postcopy?.isPackaged === true
  }

  /** Parameters change; in postcopy 2.11 has no limit until one is set anew. */
  #limit(parameters: TransferParameters): void {
    const isSetAnew = this.#parameters?.maxBandwidth !== parameters.maxBandwidth
    this.#parameters = parameters
    const { maxBandwidth, maxPostcopyBandwidth } = parameters
    const kept = isSetAnew ? maxBandwidth : this.#window.parameters.maxBandwidth
    this.#window.parameters =
      this.#phase === 'postcopy' ? { ...parameters, maxBandwidth: maxPostcopyBandwidth ?? kept } : parameters
  }

  #writePackage(nowMillis: number): void {
    this.#postcopy?.writePackage(this.#devices)
    this.#memory.stopLog()
    this.#phase = 'preparing'
    this.#deadlineMillis = nowMillis + ANSWER_MILLIS_MAX
    this.#reportProgress(nowMillis)
  }

  #leave(nowMillis: number): void {
    this.#postcopy?.leave()
    this.#beginPostcopy(nowMillis)
  }

  #beginPostcopy(nowMillis: number): void {
    const { parameters } = this.#window
    this.#phase = 'postcopy'
    this.#deadlineMillis = Infinity
    this.#window = new BandwidthWindow(
      { ...parameters, maxBandwidth: this.#parameters?.maxPostcopyBandwidth ?? 0 },
      nowMillis,
    )
  }

  /** A new engine and a new channel: only what the destination says to have counts as sent. */
  #resume(order: Extract<OutgoingOrder, { type: 'resume' }>, nowMillis: number): void {
    const { parameters, postcopy, identity, ram } = order
    this.#phase = 'resuming'
    this.#hasReturnPath = true
    this.#parameters = parameters
    this.#window = new BandwidthWindow(parameters, nowMillis)
    this.#reportedMillis = nowMillis
    this.#deadlineMillis = nowMillis + ANSWER_MILLIS_MAX
    this.#statistics.restore(ram)
    this.#postcopy = this.#makePostcopy(postcopy)
    const { bytes } = this.#queue
    const at = writeConfiguration(bytes, writeHeader(bytes, 0), { machine: MACHINE_NAME, uuid: identity })
    this.#queue.at = writeCommand(bytes, at, { name: 'OPEN_RETURN_PATH' })
    this.#section.start()
    this.#postcopy.askReceived()
  }

  /** One turn of postcopy; undefined: go on. */
  #goOnInPostcopy(link: ByteLink, nowMillis: number): Wait | undefined {
    this.#rollWindow(nowMillis)
    this.#returnPath.listen(link)
    if (this.#ended()) return { kind: 'over' }
    // What is asked for is listened for all the time, also where a limit holds up the rest.
    return this.#postcopy?.fill(this.#window.allowanceBytes) === true ? undefined : { kind: 'link' }
  }

  /** Moves the guest's log into the scan: the start of a pass. */
  #sync(nowMillis: number): void {
    const period = this.#statistics.countSync(this.#scan.sync(), nowMillis)
    this.#reportProgress(nowMillis)
    const pass = this.#statistics.syncs
    // Once it has converged there is nothing to judge: the guest stands still. Nor while disks are sent and not its memory.
    const judged = period !== undefined && this.#phase === 'iterating' && this.#block?.scan.isBulk !== true
    this.#report({ type: 'outgoing.pass', pass, ...(judged ? { period } : {}) })
  }

  /** One turn of precopy; undefined: go on. */
  #iterate(nowMillis: number): Wait | undefined {
    this.#rollWindow(nowMillis)
    if (this.#dispatch?.isBlocked === true) return { kind: 'link' }
    if (nowMillis >= this.#roundEndMillis || this.#remainingBytes === 0) {
      if (this.#mayConverge && !this.#settle()) return this.#stall()
      if (this.#hasConverged(nowMillis)) return this.#converge('outgoing.converged', nowMillis)
      if (this.#canBeginPostcopy) return this.#settle() ? this.#converge('outgoing.postcopy', nowMillis) : this.#stall()
      this.#roundEndMillis = nowMillis + ROUND_MILLIS
    }
    const allowance = this.#window.allowanceBytes - (this.#dispatch?.pendingBytes ?? 0)
    if (allowance > 0) {
      if (this.#fillDisks(allowance)) this.#fillPages(allowance)
      return undefined
    }
    this.#roundEndMillis = 0
    this.#block?.closePart()
    if (!this.#closeSection()) return this.#stall()
    return this.#queue.isEmpty ? { kind: 'until', millis: this.#window.endMillis } : undefined
  }

  /** Whether what is left can be sent within the downtime limit; takes in the guest's log if it may be. */
  #hasConverged(nowMillis: number): boolean {
    if (this.#block?.scan.isBulk === true) return false
    if (this.#remainingBytes < this.#window.thresholdBytes) this.#sync(nowMillis)
    return this.#mayConverge
  }

  get #mayConverge(): boolean {
    return this.#remainingBytes === 0 || this.#remainingBytes < this.#window.thresholdBytes
  }

  /** Bytes of memory and disks that are still to be sent. */
  get #remainingBytes(): number {
    return this.#scan.remainingBytes + (this.#block?.scan.remainingBytes ?? 0)
  }

  /** It was asked for, the destination is ready, and what only precopy can send is as good as sent. */
  get #canBeginPostcopy(): boolean {
    if (this.#postcopy?.isStarted !== true || !this.#postcopy.isReady) return false
    return (
      this.#block === undefined ||
      (!this.#block.scan.isBulk && this.#block.scan.remainingBytes <= this.#window.thresholdBytes)
    )
  }

  #converge(type: 'outgoing.converged' | 'outgoing.postcopy', nowMillis: number): Wait | undefined {
    this.#block?.closePart()
    if (!this.#closeSection() || !this.#queue.isEmpty) return this.#stall()
    this.#phase = 'converged'
    this.#reportProgress(nowMillis)
    this.#report({ type })
    return undefined
  }

  #rollWindow(nowMillis: number): void {
    if (!this.#window.roll(nowMillis)) return
    const speed = this.#window.bytesPerMillis
    this.#statistics.mbps = (speed * 8) / 1000
    if (speed * 100 > ESTIMATE_BYTES_MIN) this.#expectedDowntimeMillis = Math.trunc(this.#remainingBytes / speed)
  }

  /** Ends the part that is open; false while pages of it are still under way, for which there is no room. */
  #closeSection(): boolean {
    if (!this.#section.isOpen) return true
    if (this.#dispatch?.settle() === false) return false
    this.#section.close()
    this.#statistics.transferred += EOS_BYTES
    return true
  }

  /** What is waited for where something is not settled yet; undefined: nothing but room in this engine's own channel. */
  #stall(): Wait | undefined {
    return this.#dispatch?.awaitsChannels === true ? { kind: 'link' } : undefined
  }

  /** Nothing is under way, neither here nor where a part has ended at the destination; false: not yet. */
  #settle(): boolean {
    const { compress, multifd } = this.#methods
    return (!compress && multifd === undefined) || this.#closeSection()
  }

  /** Adds chunks of disks to the batch, up to the allowance; true when none is left. They go before the memory, as in QEMU. */
  #fillDisks(allowance: number): boolean {
    const block = this.#block
    if (block === undefined) return true
    const isLast = this.#phase === 'completing' || this.#phase === 'packaging'
    if (!isLast && block.scan.remainingBytes === 0) {
      block.closePart()
      return true
    }
    if (!this.#closeSection()) return false
    const start = this.#queue.at
    if (!block.fill(isLast, () => this.#queue.at - start >= allowance)) return false
    // The guest stands still: nothing more can be written to them.
    if (isLast) this.#releaseDisks()
    return true
  }

  /** Adds dirty pages to the batch, up to the allowance; true when none is left. */
  #fillPages(allowance: number): boolean {
    this.#section.open(this.#phase === 'completing')
    const dispatch = this.#dispatch
    if (dispatch === undefined) return true
    const sent = (): number => this.#statistics.transferred + dispatch.pendingBytes
    const end = sent() + allowance
    while (this.#queue.room >= RESERVE_BYTES && !dispatch.isBlocked && sent() < end) {
      if (!this.#scan.next()) return this.#closeSection()
      dispatch.send(this.#phase === 'completing')
    }
    return false
  }

  /** Behind the last page: the devices, and the question whether all of it has been loaded. */
  #writeDevices(): void {
    const question = written(16, (bytes) => writeCommand(bytes, 0, { name: 'PING', value: PREPARE_PING }))
    this.#queue.append(deviceBytesOf(this.#devices))
    if (this.#hasReturnPath) this.#queue.append(question)
    // In lock-step what the guest writes from here on goes with the first checkpoint.
    if (this.#colo === undefined) this.#memory.stopLog()
    this.#phase = 'flushing'
  }

  /** The end mark and the description: from the first of these bytes on the destination may run the guest. */
  #writeEnd(): void {
    this.#queue.at = writeEof(this.#queue.bytes, this.#queue.at)
    this.#queue.append(descriptionBytesOf(this.#devices))
  }

  #hear(message: ReturnPathMessage): void {
    if (message.name === 'PONG') {
      this.#hearPong(message.value)
      return
    }
    if (this.#postcopy !== undefined && this.#hearPostcopy(this.#postcopy, message)) return
    const path = this.#returnPath
    if (message.name !== 'SHUT')
      throw path.refusal('Unexpected message on the return path', 'PONG or SHUT', message.name)
    if (message.value !== 0) throw path.refusal('The destination gave up', 'SHUT 0', `SHUT ${message.value}`)
    if (this.#phase !== 'committing' && this.#phase !== 'sent' && this.#postcopy?.hasEnded !== true)
      throw path.refusal('The destination ended early', 'no SHUT before the end mark', 'SHUT 0')
    this.#postcopy?.finish()
    this.#reportProgress(this.#reportedMillis)
    this.#end()
    this.#report({ type: 'outgoing.loaded' })
  }

  #hearPong(value: number): void {
    if (value === OPENING_PING && this.#postcopy !== undefined) this.#postcopy.isReady = true
    if (value === PREPARE_PING && this.#phase === 'preparing') {
      this.#deadlineMillis = Infinity
      this.#report({ type: 'outgoing.prepared' })
    }
    if (value === LEAVE_PING && this.#postcopy !== undefined && this.#phase === 'postcopy') {
      this.#postcopy.hasLeave = true
      this.#report({ type: 'outgoing.package-sent' })
    }
  }

  /** Whether it was a message of postcopy. */
  #hearPostcopy(postcopy: PostcopySender, message: ReturnPathMessage): boolean {
    const isGoingOn = this.#phase === 'postcopy'
    if ((message.name === 'REQ_PAGES' || message.name === 'REQ_PAGES_ID') && isGoingOn) postcopy.request(message)
    else if (message.name === 'RECV_BITMAP' && this.#phase === 'resuming')
      postcopy.takeReceived(message.block, message.bitmap)
    else if (message.name === 'RESUME_ACK' && this.#phase === 'resuming') {
      postcopy.hasLeave = true
      this.#beginPostcopy(this.#reportedMillis)
      this.#report({ type: 'outgoing.resumed' })
    } else return false
    return true
  }

  #reportProgress(nowMillis: number): void {
    this.#reportedMillis = nowMillis
    const { xbzrle, compress, multifd } = this.#methods
    this.#report({
      type: 'outgoing.progress',
      ram: this.#statistics.report(this.#scan.remainingBytes, this.#memory.totalBytes),
      expectedDowntimeMillis: this.#expectedDowntimeMillis,
      ...(xbzrle ? { xbzrle: this.#statistics.xbzrle.report() } : {}),
      ...(multifd === undefined ? {} : { multifdBytes: this.#statistics.multifdBytes }),
      ...(compress ? { compression: this.#statistics.compression.report() } : {}),
      ...(this.#block === undefined ? {} : { disk: this.#block.scan.figures }),
    })
  }
}
