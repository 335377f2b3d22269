/**
 * The receiving half of the data plane with a QEMU at the other end: its main stream, its multifd channels, its answers. A
 * stepper like the engine for our own streams, with the same orders and reports, so that the same charts drive it. What
 * differs is the peer: QEMU's devices are bytes that nobody here can read, their end is where the description says, and
 * nothing asks before the end mark whether all is loaded.
 *
 *   precopy   header  [OPEN_RP PING]  block list  rounds of pages  devices EOF description  ->  SHUT 0
 *   COLO      ENABLE_COLO  ... as precopy ...  description  ->  CHECKPOINT_READY, then checkpoints
 *   postcopy  ... ADVISE ... rounds of pages  DISCARD  { LISTEN devices PING RUN }  -> requests  pages  EOF  -> SHUT 0
 */
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import {
  MigrationDecoder,
  pageApplier,
  RECORD_BYTES_MAX,
  silentSink,
  StreamError,
  teeSink,
  returnPathBytes,
  writeReturnPath,
  writeColoMessage,
  type BarrierParty,
  type ColoDecoder,
  type ColoMessageName,
  type Command,
  type Configuration,
  type MultifdMethodName,
  type MultifdSink,
  type PageSink,
  type PageStore,
  type RamBlock,
  type ReturnPathMessage,
  type Section,
  type StreamSink,
} from '../../wire/index.ts'
import { multifdDecompressor, pageInflater } from '../../wire/compression.ts'
import { CheckpointReceiver } from '../colo/checkpoint-receiver.ts'
import { globalState, IDENTITY_BYTES, runStateOf } from '../dialect.ts'
import type { IncomingOrder, IncomingReport, Wait } from '../order.ts'
import { opaqueState } from './opaque-state.ts'
import { PostcopyPages } from './postcopy-pages.ts'
import { PreemptChannel } from './preempt-channel.ts'
import { StagedPages } from './staged-pages.ts'

/** Where a guest's memory is put. The block list comes before any page. */
export interface CapturedMemory extends PageStore {
  /** The blocks of the stream, once. @throws Error if this side cannot hold them */
  create(blocks: readonly RamBlock[]): void
  /** Everything is here. */
  flush(): void
}

export interface QemuIncomingOptions {
  readonly memory: CapturedMemory
  /** Called for everything that is learnt, in order. */
  readonly report: (news: IncomingReport) => void
  /** Channels of multifd that come beside the main one, and how their pages are compressed. Default none. */
  readonly channels?: number
  readonly method?: MultifdMethodName
  /** Postcopy sends the pages that are asked for on a connection of their own, the second: `postcopy-preempt`. */
  readonly preempt?: boolean
  /** Missing pages to ask for when postcopy runs the guest, as a guest would that runs on. Default none: all come anyway. */
  readonly pageRequests?: number
  /** Hears what the stream tells, before memory does: for a summary, or a recording of what was told. */
  readonly listener?: Partial<StreamSink>
  /** The last answer is in the channel, or there is none: a process that ends before has not told the source. */
  readonly over?: () => void
  /** Sees every byte of a channel, in order: for a recording. */
  readonly tap?: (party: BarrierParty, bytes: Uint8Array) => void
}

/** Bytes read at once. */
const READ_BYTES = 256 * 1024
/** Bytes of the main stream handled in one step before other things get their turn. */
const STEP_BYTES_MAX = 8 * 1024 * 1024
/** Room for answers that wait for the link; a bitmap may need more, once for each block. */
const ANSWER_BYTES = 64 * 1024

/** One connection of the migration, and what has been read from it and not used. */
interface Input {
  readonly party: BarrierParty
  readonly link: ByteLink
  readonly buffer: Uint8Array
  held: number
  ended: boolean
}

export class QemuIncomingEngine {
  readonly #memory: CapturedMemory
  readonly #report: (news: IncomingReport) => void
  readonly #tap: QemuIncomingOptions['tap']
  readonly #over: () => void
  readonly #decoder: MigrationDecoder
  #answers = new Uint8Array(ANSWER_BYTES)
  #answersEnd = 0
  #main: Input | undefined
  readonly #channels: Input[] = []
  readonly #channelsWanted: number
  readonly #pages = new PostcopyPages()
  readonly #pageRequests: number
  #preempt: PreemptChannel | undefined
  readonly #wantsPreempt: boolean
  #canAnswer = false
  #received = 0
  #devices: Uint8Array = new Uint8Array(0)
  #runState = 'running'
  #postcopy: 'none' | 'discarding' | 'listening' | 'running' = 'none'
  readonly #staged: StagedPages
  #lockStep: CheckpointReceiver | undefined
  /** `apart`: lock-step whose channel is lost; a checkpoint that is here can still be put in use. */
  #phase: 'loading' | 'paused' | 'ended' | 'apart' | 'failed' | 'closing' | 'over' = 'loading'

  constructor(options: QemuIncomingOptions) {
    this.#memory = options.memory
    this.#staged = new StagedPages(options.memory)
    this.#report = options.report
    this.#tap = options.tap
    this.#over = options.over ?? ((): void => {})
    this.#channelsWanted = options.channels ?? 0
    this.#wantsPreempt = options.preempt === true
    this.#pageRequests = options.pageRequests ?? 0
    const channel = (): MultifdSink => ({
      init: () => {},
      packet: () => {},
      page: (block, offset, bytes, at) => this.#memory.write(block, offset, bytes, at),
    })
    this.#decoder = new MigrationDecoder(
      teeSink(options.listener ?? {}, this.#pages.sink, {
        ...this.#applier((at) => this.#decoder.main.offsetOf(at)),
        header: (configuration) => this.#identify(configuration),
        ramBlocks: (blocks) => this.#memory.create(blocks),
        command: (command) => this.#obey(command),
        packageDevices: (bytes) => (this.#devices = bytes),
        packageEnd: () => this.#ask(),
        device: (section, payload) => this.#takeDevice(section, payload),
        deviceTail: (bytes) => (this.#devices = bytes),
        coloMessage: (message) => this.#lockStep?.hear(message),
        checkpointDevices: (bytes) => this.#lockStep?.takeDevices(bytes),
        end: () => this.#end(),
      }),
      {
        channels: Array.from({ length: this.#channelsWanted }, channel),
        method: options.method ?? 'none',
        makeDecompressor: multifdDecompressor,
      },
    )
  }

  /** Bytes read from all channels so far. */
  get bytesMoved(): number {
    return this.#received
  }

  order(order: IncomingOrder, nowMillis: number): void {
    if (this.#phase === 'over') return
    switch (order.type) {
      case 'channel':
        if (this.#phase === 'paused') this.#resume(order.link)
        else this.#addChannel(order.link)
        break
      case 'acknowledge':
        this.#shut(0)
        break
      case 'reject':
        this.#shut(1)
        break
      case 'lock-step':
        this.#lockStep?.begin(order, nowMillis)
        break
      case 'colo-message':
        this.#say(order.message)
        break
      case 'load':
        this.#lockStep?.apply()
        break
      case 'abort':
        this.#phase = 'over'
        this.#lockStep?.close()
        break
      // QEMU has not asked whether all is loaded.
      case 'accept':
        break
    }
  }

  /** Does what can be done without waiting, and says what to wait for. Never throws: what fails is reported. */
  step(link: ByteLink, nowMillis: number): Wait {
    this.#main ??= input('main', link)
    const wait = this.#phase === 'over' ? ({ kind: 'over' } as const) : this.#try(this.#main, nowMillis)
    if (wait.kind === 'over') this.#over()
    return wait
  }

  #try(main: Input, nowMillis: number): Wait {
    try {
      return this.#advance(main, nowMillis)
    } catch (error) {
      return this.#lockStep === undefined ? this.#fail(error) : this.#comeApart(this.#lockStep, error)
    }
  }

  #applier(offsetOf: (at: number) => number): PageSink {
    const place = (): PageStore => (this.#lockStep === undefined ? this.#memory : this.#staged)
    const store: PageStore = {
      write: (block, offset, bytes, at) => place().write(block, offset, bytes, at),
      fill: (block, offset, value) => place().fill(block, offset, value),
      read: (block, offset, into) => place().read(block, offset, into),
    }
    return pageApplier(store, offsetOf, pageInflater())
  }

  /** What a pair comes apart by. A checkpoint that is here is a good one, whatever came behind it. */
  #comeApart(lockStep: CheckpointReceiver, error: unknown): Wait {
    this.#phase = 'apart'
    const reason = error instanceof Error ? error.message : String(error)
    const lost = error instanceof ChannelError || lockStep.isStaged
    this.#report({ type: lost ? 'incoming.lost' : 'incoming.failed', reason, side: lost ? 'channel' : 'source' })
    return { kind: 'order' }
  }

  #addChannel(link: ByteLink): void {
    if (this.#wantsPreempt) {
      this.#preempt ??= new PreemptChannel(link, this.#decoder.main.table, (offsetOf) =>
        teeSink(this.#pages.sink, this.#applier(offsetOf)),
      )
      return
    }
    if (this.#channels.length < this.#channelsWanted) this.#channels.push(input(this.#channels.length, link))
  }

  /** Whether a source can go on with the stream on another connection. */
  #canResume(): boolean {
    return this.#phase === 'loading' && this.#postcopy === 'running'
  }

  /** The source is here again: no header comes, and it asks first what has arrived. */
  #resume(link: ByteLink): void {
    this.#main = input('main', link)
    this.#answersEnd = 0
    this.#decoder.main.resume()
    this.#pages.reconnected()
    this.#phase = 'loading'
    this.#report({ type: 'incoming.recovering' })
  }

  #shut(value: number): void {
    if (this.#canAnswer) this.#answer({ name: 'SHUT', value })
    this.#phase = 'closing'
  }

  #fail(error: unknown): Wait {
    const answered = this.#phase === 'closing'
    const lost = error instanceof ChannelError
    if (lost && this.#canResume()) {
      this.#phase = 'paused'
      this.#report({ type: 'incoming.lost', reason: error.message, side: 'channel' })
      return { kind: 'order' }
    }
    this.#phase = lost || answered || this.#phase === 'failed' ? 'over' : 'failed'
    const reason = error instanceof Error ? error.message : String(error)
    // A source that has heard what it waits for may close before it has read the rest.
    if (!answered) {
      const side = error instanceof StreamError ? 'source' : 'destination'
      this.#report(
        lost ? { type: 'incoming.lost', reason, side: 'channel' } : { type: 'incoming.failed', reason, side },
      )
    }
    return this.#phase === 'failed' ? { kind: 'order' } : { kind: 'over' }
  }

  #advance(main: Input, nowMillis: number): Wait {
    if (!this.#flush(main.link)) return { kind: 'link' }
    if (this.#phase === 'closing') {
      this.#phase = 'over'
      main.link.endWrites()
      return { kind: 'over' }
    }
    if (this.#phase !== 'loading') return { kind: 'order' }
    const before = this.#received
    while (this.#received - before < STEP_BYTES_MAX) {
      let progress = false
      for (const each of [main, ...this.#channels]) progress = this.#pump(each) || progress
      progress = this.#pumpPreempt() || progress
      if (!this.#flush(main.link)) return { kind: 'link' }
      if (this.#hasEnded()) return { kind: 'order' }
      if (progress) this.#lockStep?.heard(nowMillis)
      else {
        this.#lockStep?.silent(nowMillis)
        if (this.#received > before) this.#report({ type: 'received', bytes: this.#received })
        return { kind: 'link' }
      }
    }
    this.#report({ type: 'received', bytes: this.#received })
    return { kind: 'until', millis: 0 }
  }

  #hasEnded(): boolean {
    return this.#phase === 'ended'
  }

  /** Reads from one channel and decodes; whether anything has changed. */
  #pump(from: Input): boolean {
    if (this.#feed(from)) return true
    if (from.ended || this.#decoder.isHeld(from.party)) return false
    const count = from.link.read(from.buffer, from.held, from.buffer.length)
    if (count === 0) return false
    if (count < 0) return this.#endInput(from)
    this.#tap?.(from.party, from.buffer.subarray(from.held, from.held + count))
    this.#received += count
    from.held += count
    this.#feed(from)
    return true
  }

  #pumpPreempt(): boolean {
    const count = this.#preempt?.read() ?? 0
    this.#received += count
    return count > 0
  }

  #feed(from: Input): boolean {
    const used = this.#decoder.feed(from.party, from.buffer, 0, from.held)
    if (this.#lockStep === undefined && this.#decoder.colo !== undefined) this.#enterLockStep(this.#decoder.colo)
    from.buffer.copyWithin(0, used, from.held)
    from.held -= used
    return used > 0
  }

  #endInput(from: Input): boolean {
    from.ended = true
    // A primary says no farewell.
    if (this.#lockStep !== undefined) throw new ChannelError('read', 'EOF', 'the primary closed the channel')
    // Wherever the channel breaks in postcopy, the source keeps what did not arrive.
    if (from.party === 'main' && this.#canResume()) {
      throw new ChannelError('read', 'EOF', 'the source closed the channel')
    }
    this.#decoder.finish(from.party, from.held)
    // A stream without description ends with its channel; any other was over before.
    if (from.party === 'main' && this.#phase === 'loading') {
      throw new ChannelError('read', 'EOF', 'the source closed the channel')
    }
    return true
  }

  #answer(message: ReturnPathMessage): void {
    const room = this.#answersEnd + returnPathBytes(message)
    if (room > this.#answers.length) {
      const grown = new Uint8Array(room)
      grown.set(this.#answers.subarray(0, this.#answersEnd))
      this.#answers = grown
    }
    this.#answersEnd = writeReturnPath(this.#answers, this.#answersEnd, message)
  }

  /** Missing pages that were asked for and have not come. */
  get requestsOutstanding(): number {
    return this.#pages.outstanding
  }

  /** Hands over answers; true when none is left. */
  #flush(link: ByteLink): boolean {
    while (this.#answersEnd > 0) {
      const count = link.writev([this.#answers.subarray(0, this.#answersEnd)])
      if (count === 0) return false
      this.#answers.copyWithin(0, count, this.#answersEnd)
      this.#answersEnd -= count
    }
    return true
  }

  #identify(configuration: Configuration | undefined): void {
    this.#report({ type: 'identified', identity: configuration?.uuid ?? new Uint8Array(IDENTITY_BYTES) })
  }

  #obey(command: Command): void {
    switch (command.name) {
      case 'OPEN_RETURN_PATH':
        this.#canAnswer = true
        break
      case 'PING':
        if (this.#canAnswer) this.#answer({ name: 'PONG', value: command.value })
        break
      case 'POSTCOPY_ADVISE':
        this.#pages.advise()
        this.#report({ type: 'incoming.advised' })
        break
      case 'POSTCOPY_RAM_DISCARD':
        if (this.#postcopy === 'none') this.#report({ type: 'incoming.discarding' })
        this.#postcopy = 'discarding'
        this.#pages.discard(command.block, command.ranges)
        break
      case 'PACKAGED':
      case 'ENABLE_COLO':
        break
      case 'POSTCOPY_LISTEN':
        this.#postcopy = 'listening'
        this.#report({ type: 'incoming.listening' })
        break
      case 'POSTCOPY_RUN':
        this.#postcopy = 'running'
        break
      case 'RECV_BITMAP':
        this.#answer({ name: 'RECV_BITMAP', block: command.block, bitmap: this.#pages.bitmap(command.block) })
        break
      case 'POSTCOPY_RESUME':
        this.#answer({ name: 'RESUME_ACK', value: 1 })
        this.#report({ type: 'incoming.recovered' })
        this.#request()
        break
    }
  }

  /** The package is here and its last command was to run the guest: what it would miss is asked for. */
  #ask(): void {
    if (this.#postcopy !== 'running') return
    this.#report({ type: 'arrived', devices: [opaqueState(this.#devices)], runState: this.#runState })
    this.#report({ type: 'incoming.running' })
    this.#request()
  }

  #request(): void {
    if (this.#pageRequests === 0) return
    for (const request of this.#pages.requests(this.#pageRequests)) this.#answer(request)
  }

  #takeDevice(section: Section, payload: Uint8Array): void {
    if (section.idstr === 'globalstate') this.#runState = runStateOf(payload) ?? this.#runState
  }

  #say(name: ColoMessageName): void {
    if (name === 'vmstate-size') return
    this.#answersEnd = writeColoMessage(this.#answers, this.#answersEnd, { name })
  }

  /** Behind the description of the first stream. What its checkpoints carry of devices nobody here can read either. */
  #enterLockStep(decoder: ColoDecoder): void {
    this.#lockStep = new CheckpointReceiver({
      copy: this.#staged,
      first: this.#decoder.main,
      sink: silentSink,
      decoder,
      devicesOf: (bytes) => [globalState(this.#runState), opaqueState(bytes)],
      report: this.#report,
    })
    this.#report({ type: 'received', bytes: this.#received })
    this.#report({ type: 'incoming.colo', running: this.#runState === 'running' })
  }

  #end(): void {
    if (this.#lockStep !== undefined) return this.#lockStep.end()
    this.#memory.flush()
    this.#report({ type: 'received', bytes: this.#received })
    if (this.#postcopy === 'none') {
      this.#report({ type: 'arrived', devices: [opaqueState(this.#devices)], runState: this.#runState })
    }
    // Behind the description the checkpoints begin.
    if (this.#decoder.main.colo !== undefined) return
    this.#phase = 'ended'
    this.#report({ type: 'incoming.ended', running: this.#runState === 'running' })
  }
}

const input = (party: BarrierParty, link: ByteLink): Input => ({
  party,
  link,
  buffer: new Uint8Array(READ_BYTES + RECORD_BYTES_MAX),
  held: 0,
  ended: false,
})
