/**
 * The receiving half of the data plane, for one connection: reads the stream, puts pages where they belong, hands over
 * the devices, and answers the source. A stepper like its counterpart: no clock, no thread, no socket of its own.
 *
 * Nothing that arrives is believed: blocks must be the ones this guest has, offsets must lie inside them, devices must
 * be known, and the guest starts only after the end mark.
 */
import { ChannelError, type ByteLink } from '../channel/byte-link.ts'
import type { StoppableRunState } from '../../machines/index.ts'
import type { GuestMemory } from '../memory/index.ts'
import {
  pageApplier,
  silentSink,
  StreamDecoder,
  StreamError,
  writeColoMessage,
  returnPathBytes,
  writeReturnPath,
  type ColoMessageName,
  type Command,
  type Configuration,
  type PageStore,
  type RamBlock,
  type ReturnPathMessage,
  type Section,
  type StreamSink,
} from '../wire/index.ts'
import { arrivalOf, canArrive, travelling } from './arrival.ts'
import {
  InlinePageThreads,
  takeOne,
  type MakePageThreads,
  type PageThreads,
  type WorkedPage,
} from './compression/page-threads.ts'
import { CheckpointCopy } from './colo/checkpoint-copy.ts'
import { CheckpointReceiver } from './colo/checkpoint-receiver.ts'
import {
  deviceOf,
  disksOf,
  IDENTITY_BYTES,
  MACHINE_NAME,
  PREPARE_PING,
  runStateOf,
  streamOptions,
  type DeviceState,
} from './dialect.ts'
import { DiskError } from './disk/disk.ts'
import { DiskLoader, noDisks, type DiskProblem, type EngineDisks } from './disk-loader.ts'
import { GuestPageStore } from './guest-page-store.ts'
import { OutputQueue } from './output-queue.ts'
import {
  LinkReceiveChannel,
  ReceiveChannels,
  type MakeReceiveChannel,
  type ReceiveChannel,
  type ReceivedLink,
} from './multifd/receive-channels.ts'
import {
  isOfPostcopy,
  PostcopyReceiver,
  type PostcopyCommand,
  type PostcopyProblem,
} from './postcopy/postcopy-receiver.ts'
import type { IncomingOrder, IncomingReport, Loading, Wait } from './order.ts'

/** Bytes read at once: small enough to stay in the cache between the kernel's copy and ours. */
const BUFFER_BYTES = 256 * 1024

/** Bytes handled in one step before other things get their turn. */
const STEP_BYTES_MAX = 8 * 1024 * 1024

/** Bytes of answers that may wait for the link. */
const ANSWER_BYTES_MAX = 4096

/** What an engine is made for. */
export interface IncomingEngineOptions {
  readonly memory: GuestMemory
  /** Its disks, which a source may send. Default none. */
  readonly disks?: EngineDisks
  /** Default {@link DiskLoader}. */
  readonly makeDiskLoader?: (disks: EngineDisks) => DiskLoader
  /** Called for everything that is learnt, in order. */
  readonly report: (news: IncomingReport) => void
  /** What the source may send by. Default plain pages, zero pages and differences. */
  readonly loading?: Loading
  /** Default: pages are decompressed here. */
  readonly makeThreads?: MakePageThreads
  /** Default: channels of multifd are read here. */
  readonly makeChannel?: MakeReceiveChannel
}

/** How long the channels of multifd may take to come when the main stream waits for them. */
const CHANNELS_PATIENCE_MILLIS = 10_000

/** What every stream may consist of. */
export const plainLoading: Loading = {
  methods: { xbzrle: false, compress: false },
  parameters: { decompressThreads: 1 },
  postcopy: false,
}

export class IncomingEngine {
  readonly #memory: GuestMemory
  readonly #report: (news: IncomingReport) => void
  readonly #buffer = Buffer.from(new ArrayBuffer(BUFFER_BYTES))
  #held = 0
  #received = 0
  readonly #decoder: StreamDecoder
  readonly #queue = new OutputQueue(ANSWER_BYTES_MAX)
  readonly #devices: DeviceState[] = []
  readonly #store: GuestPageStore
  readonly #disks: DiskLoader
  readonly #pages: PageStore
  readonly #threads: PageThreads | undefined
  readonly #channels: ReceiveChannels | undefined
  readonly #makeChannel: (received: ReceivedLink) => ReceiveChannel
  /** When the main stream came to its first barrier, if channels were still missing. */
  #missedMillis: number | undefined
  readonly #postcopy: PostcopyReceiver
  readonly #canPostcopy: boolean
  /** A broken postcopy goes on: the run that the source has to name. */
  #resumed: { readonly identity: Uint8Array | undefined } | undefined
  readonly #sink: StreamSink
  /** Present from when the source has announced COLO in front of its memory. */
  #copy: CheckpointCopy | undefined
  #lockStep: CheckpointReceiver | undefined
  #runState: StoppableRunState = 'running'
  /** `apart`: lock-step whose channel is lost; a checkpoint that is here can still be put in use. */
  #phase: 'loading' | 'arrived' | 'ended' | 'lock-step' | 'apart' | 'failed' | 'closing' | 'over' = 'loading'

  constructor(options: IncomingEngineOptions) {
    this.#memory = options.memory
    this.#report = options.report
    this.#store = new GuestPageStore(options.memory)
    const { disks = noDisks, makeDiskLoader = (given) => new DiskLoader(given) } = options
    this.#disks = makeDiskLoader(disks)
    this.#postcopy = new PostcopyReceiver(options.memory)
    this.#pages = this.#makePages()
    const { methods, parameters, postcopy } = options.loading ?? plainLoading
    this.#canPostcopy = postcopy
    const { makeThreads = (work, count) => new InlinePageThreads(work, count) } = options
    const { multifd } = methods
    if (multifd !== undefined) this.#channels = new ReceiveChannels(multifd.channels)
    const make = options.makeChannel ?? ((...given) => new LinkReceiveChannel(...given))
    this.#makeChannel = (received) => make(options.memory, received, multifd?.compression ?? 'none')
    this.#threads = methods.compress ? makeThreads('inflate', parameters.decompressThreads) : undefined
    this.#sink = {
      ...silentSink,
      ...pageApplier(this.#pages, (at) => this.#decoder.offsetOf(at)),
      ...(this.#threads === undefined ? {} : this.#decompressor(this.#threads)),
      header: (configuration) => this.#identify(configuration),
      ramBlocks: (blocks) => this.#matchBlocks(blocks),
      device: (section, payload) => this.#takeDevice(section, payload),
      command: (command) => this.#obey(command),
      block: (record) => this.#refuse(this.#disks.take(record)),
      coloMessage: (message) => this.#lockStep?.hear(message),
      checkpointDevices: (bytes) => this.#lockStep?.takeDevices(bytes),
      end: () => this.#end(),
    }
    this.#decoder = new StreamDecoder(this.#sink, { ...streamOptions, holdAtEos: multifd !== undefined })
  }

  /** Where pages go: into the guest's memory; in COLO into the copy as well; and in lock-step into the copy alone. */
  #makePages(): PageStore {
    const store = this.#store
    return {
      write: (index, offset, bytes, at) => {
        const block = store.blockAt(index)
        if (!this.#postcopy.isWanted(block, offset)) return
        if (this.#lockStep === undefined) store.write(index, offset, bytes, at)
        this.#postcopy.placed(block, offset)
        this.#copy?.write(store.blockAt(index), offset, bytes, at)
      },
      fill: (index, offset, value) => {
        const block = store.blockAt(index)
        if (!this.#postcopy.isWanted(block, offset)) return
        if (this.#lockStep === undefined) store.fill(index, offset, value)
        this.#postcopy.placed(block, offset)
        this.#copy?.fill(store.blockAt(index), offset, value)
      },
      read: (index, offset, into) =>
        this.#copy === undefined
          ? store.read(index, offset, into)
          : this.#copy.read(store.blockAt(index), offset, into),
    }
  }

  /**
   * Compressed pages go to the threads. All of a part are in place before anything of the next is looked at: what comes then
   * may be the same pages, newer (I18).
   */
  #decompressor(threads: PageThreads): Pick<StreamSink, 'compressedPage' | 'ramEos'> {
    const place = ({ block, offset, output, fault }: WorkedPage): void => {
      if (fault !== undefined)
        throw this.#error('Failed to inflate a compressed page', 'a zlib stream of 4096 bytes', fault)
      this.#pages.write(block, offset, output, 0)
    }
    return {
      compressedPage: (index, offset, bytes, at, length) => {
        threads.take(place, Infinity)
        while (!threads.give(index, offset, bytes, at, length, 0)) takeOne(threads, place)
      },
      ramEos: () => {
        while (threads.pending > 0) takeOne(threads, place)
      },
    }
  }

  /** Bytes read from the link so far. */
  get bytesMoved(): number {
    return this.#received
  }

  order(order: IncomingOrder, nowMillis: number): void {
    if (this.#phase === 'over') return
    switch (order.type) {
      case 'accept':
        this.#answer({ name: 'PONG', value: PREPARE_PING })
        break
      case 'fault':
        break
      case 'resume':
        this.#resumed = order
        this.#postcopy.goOn()
        break
      case 'break':
        this.#fail(new ChannelError('pause', 'ECANCELED', 'the channel was broken by migrate-pause'))
        break
      case 'acknowledge':
        this.#answer({ name: 'SHUT', value: 0 })
        this.#phase = 'closing'
        break
      case 'reject':
        this.#answer({ name: 'SHUT', value: 1 })
        this.#phase = 'closing'
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
      case 'set-load-parameters':
        this.#threads?.resize(order.parameters.decompressThreads)
        break
      case 'abort':
        this.#phase = 'over'
        this.#disks.close()
        this.#lockStep?.close()
        break
      case 'channel':
        this.#addChannel(order)
        break
    }
  }

  /** One more than there are to be is left to the runtime, which closes it in the end. */
  #addChannel(received: ReceivedLink): void {
    if (this.#channels !== undefined && this.#channels.missing > 0) this.#channels.add(this.#makeChannel(received))
  }

  /** Does what can be done without waiting, and says what to wait for. Never throws: what fails is reported. */
  step(link: ByteLink, nowMillis: number): Wait {
    const wait = this.#phase === 'over' ? ({ kind: 'over' } as const) : this.#try(link, nowMillis)
    if (wait.kind === 'over') {
      this.#threads?.close()
      this.#channels?.close()
    }
    return wait
  }

  #try(link: ByteLink, nowMillis: number): Wait {
    try {
      return this.#advance(link, nowMillis)
    } catch (error) {
      return this.#lockStep === undefined ? this.#fail(error) : this.#comeApart(this.#lockStep, error)
    }
  }

  /** What a pair comes apart by. A checkpoint that is here is a good one, whatever came behind it. */
  #comeApart(lockStep: CheckpointReceiver, error: unknown): Wait {
    this.#phase = 'apart'
    const reason = error instanceof Error ? error.message : String(error)
    const lost = error instanceof ChannelError || lockStep.isStaged
    this.#report({ type: lost ? 'incoming.lost' : 'incoming.failed', reason, side: lost ? 'channel' : 'source' })
    return { kind: 'order' }
  }

  #fail(error: unknown): Wait {
    this.#disks.close()
    const answered = this.#phase === 'closing'
    // Whoever comes in the place of the source has not made the guest any worse.
    const lost = error instanceof ChannelError || this.#resumed !== undefined
    // A source that can still hear it is told: it would otherwise write into the channel for ever (I9).
    this.#phase = lost || answered || this.#phase === 'failed' ? 'over' : 'failed'
    const reason = error instanceof Error ? error.message : String(error)
    // A source that has heard what it waits for may close before it has read the rest.
    if (!answered) {
      const side = lost ? 'channel' : error instanceof DiskError ? 'destination' : 'source'
      this.#report({ type: lost ? 'incoming.lost' : 'incoming.failed', reason, side })
    }
    return this.#phase === 'failed' ? { kind: 'order' } : { kind: 'over' }
  }

  #advance(link: ByteLink, nowMillis: number): Wait {
    if (this.#phase === 'apart') return { kind: 'order' }
    this.#ask()
    if (!this.#queue.flush(link)) {
      this.#lockStep?.silent(nowMillis)
      return { kind: 'link' }
    }
    if (this.#phase === 'closing') {
      this.#phase = 'over'
      link.endWrites()
      return { kind: 'over' }
    }
    if (this.#phase === 'ended' || this.#phase === 'failed') return { kind: 'order' }
    for (let handled = 0; handled < STEP_BYTES_MAX;) {
      const beside = this.#stepChannels(nowMillis)
      // A main stream that is held is still read, as far as there is room: its end has to be noticed.
      const count = this.#held < BUFFER_BYTES ? link.read(this.#buffer, this.#held, BUFFER_BYTES) : 0
      if (count === 0 && beside === 0 && !this.#canGoOn) {
        this.#lockStep?.silent(nowMillis)
        return { kind: 'link' }
      }
      if (count < 0) this.#meetEnd()
      handled += count + beside
      this.#received += count + beside
      this.#lockStep?.heard(nowMillis)
      const end = this.#held + count
      const used = this.#feedRounds(end)
      this.#buffer.copyWithin(0, used, end)
      this.#held = end - used
      this.#ask()
      if (!this.#queue.flush(link)) return { kind: 'link' }
      if (this.#hasEnded()) return { kind: 'order' }
    }
    this.#report({ type: 'received', bytes: this.#received })
    return { kind: 'until', millis: 0 }
  }

  /** Nothing more comes. A primary says no farewell. */
  #meetEnd(): never {
    // Where a guest runs already, the rest may come on another channel: what was cut off is no nonsense.
    if (this.#lockStep === undefined && this.#postcopy.state !== 'running') this.#decoder.finish(this.#held)
    throw new ChannelError(
      'read',
      'EOF',
      `the ${this.#lockStep === undefined ? 'source' : 'primary'} closed the channel`,
    )
  }

  /** Moves the channels of multifd on; tells how many bytes came. @throws StreamError, ChannelError */
  #stepChannels(nowMillis: number): number {
    const channels = this.#channels
    if (channels === undefined) return 0
    const bytes = channels.step()
    if (channels.missing > 0 && channels.isMainHeld) {
      this.#missedMillis ??= nowMillis
      if (nowMillis - this.#missedMillis >= CHANNELS_PATIENCE_MILLIS)
        throw new ChannelError(
          'multifd',
          'ETIMEDOUT',
          `${channels.wanted - channels.missing} of ${channels.wanted} channels have come within ${CHANNELS_PATIENCE_MILLIS / 1000} seconds`,
        )
    }
    return bytes
  }

  /** The barrier at which the main stream was held is behind it, and there is more to feed. */
  get #canGoOn(): boolean {
    return this.#held > 0 && this.#decoder.held && this.#channels?.isMainHeld === false
  }

  /** As far as the barriers let it: consumes what is complete in front of `end`, and tells how much that was. */
  #feedRounds(end: number): number {
    if (this.#channels === undefined) return this.#feed(0, end)
    let at = 0
    while (!this.#channels.isMainHeld) {
      if (this.#decoder.held) this.#decoder.proceed()
      at += this.#feed(at, end)
      if (!this.#decoder.held) break
      this.#channels.arriveMain()
    }
    return at
  }

  /** Consumes what is complete in `[start, end)` of the buffer; tells how much that was. */
  #feed(start: number, end: number): number {
    const used = this.#lockStep === undefined ? this.#decoder.feed(this.#buffer, start, end) : 0
    if (this.#lockStep === undefined && this.#decoder.complete && this.#decoder.colo !== undefined)
      this.#enterLockStep()
    return this.#lockStep === undefined ? used : used + this.#lockStep.feed(this.#buffer, start + used, end)
  }

  /** Behind the first stream. What is told of it comes after all that has to be in place before the guest runs. */
  #enterLockStep(): void {
    if (this.#copy === undefined) {
      this.#copy = new CheckpointCopy(this.#memory)
      this.#copy.takeAll()
    }
    this.#phase = 'lock-step'
    this.#lockStep = new CheckpointReceiver({
      copy: this.#copy,
      first: this.#decoder,
      sink: this.#sink,
      report: this.#report,
    })
    this.#report({ type: 'received', bytes: this.#received })
    this.#report({ type: 'incoming.colo', ...arrivalOf(this.#runState) })
  }

  #hasEnded(): boolean {
    return this.#phase === 'ended'
  }

  #answer(message: ReturnPathMessage): void {
    const bytes = new Uint8Array(returnPathBytes(message))
    writeReturnPath(bytes, 0, message)
    this.#queue.append(bytes)
  }

  /** Pages that the guest waits for: in front of everything else that there is to do. */
  #ask(): void {
    for (const request of this.#postcopy.requests()) this.#answer(request)
  }

  #say(name: ColoMessageName): void {
    if (name !== 'vmstate-size') this.#queue.at = writeColoMessage(this.#queue.bytes, this.#queue.at, { name })
  }

  #error(message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#lockStep?.position ?? this.#decoder.position, message, expected, found)
  }

  #refuse(problem: DiskProblem | PostcopyProblem | undefined): void {
    if (problem !== undefined) throw this.#error(problem.message, problem.expected, problem.found)
  }

  #identify(configuration: Configuration | undefined): void {
    if (configuration?.machine !== MACHINE_NAME)
      throw this.#error(
        `Machine type received is '${configuration?.machine ?? ''}' and local is '${MACHINE_NAME}'`,
        MACHINE_NAME,
        configuration?.machine ?? 'no configuration',
      )
    const { uuid = new Uint8Array(IDENTITY_BYTES) } = configuration
    if (this.#resumed !== undefined && Buffer.compare(uuid, this.#resumed.identity ?? uuid) !== 0)
      throw this.#error('Another migration came for a broken postcopy', 'the run that was broken', 'another')
    if (this.#lockStep === undefined)
      this.#report({ type: 'identified', identity: configuration.uuid ?? new Uint8Array(IDENTITY_BYTES) })
  }

  #matchBlocks(blocks: readonly RamBlock[]): void {
    const own = this.#memory.blocks
    this.#store.order = blocks.map(({ name, usedLength }) => {
      const index = own.findIndex((block) => block.name === name)
      const found = own[index]
      if (found === undefined)
        throw this.#error(`Unknown ramblock "${name}"`, own.map((b) => b.name).join(' or '), name)
      if (found.usedLength !== usedLength)
        throw this.#error(`Size mismatch: ${name}`, `${found.usedLength} bytes`, `${usedLength} bytes`)
      return index
    })
    if (blocks.length !== own.length)
      throw this.#error('The source does not have all RAM blocks', `${own.length} blocks`, `${blocks.length}`)
  }

  #takeDevice(section: Section, payload: Uint8Array): void {
    const device = deviceOf(section.idstr, payload)
    if (device === undefined) throw this.#error('Unknown device', 'a device of this guest', section.idstr)
    if (device.idstr === 'disks') return this.#refuse(this.#disks.compare(disksOf(payload)))
    if (this.#lockStep !== undefined) return this.#lockStep.takeDevice(device)
    if (device.idstr === 'globalstate') {
      const state = runStateOf(payload)
      if (!canArrive(state)) throw this.#error('Received an unknown run state', `one of ${travelling}`, String(state))
      this.#runState = state
    }
    this.#devices.push(device)
  }

  #obey(command: Command): void {
    if (command.name === 'OPEN_RETURN_PATH') return
    if (isOfPostcopy(command)) return this.#obeyPostcopy(command)
    if (command.name === 'ENABLE_COLO') {
      this.#copy ??= new CheckpointCopy(this.#memory)
      return
    }
    if (command.value !== PREPARE_PING) {
      this.#answer({ name: 'PONG', value: command.value })
      return
    }
    if (this.#devices.length === 0 || this.#phase !== 'loading')
      throw this.#error('Asked too early or twice whether all is loaded', 'the devices before, and once', 'PING')
    this.#arrive()
  }

  #obeyPostcopy(command: PostcopyCommand): void {
    if (!this.#canPostcopy)
      throw this.#error(
        'RAM postcopy is disabled here',
        'a stream without it, or capability postcopy-ram',
        command.name,
      )
    const before = this.#postcopy.state
    this.#refuse(this.#postcopy.take(command))
    switch (command.name) {
      case 'PACKAGED':
        return
      case 'POSTCOPY_ADVISE':
        return this.#report({ type: 'incoming.advised' })
      case 'POSTCOPY_RAM_DISCARD':
        if (before !== 'discarding') this.#report({ type: 'incoming.discarding' })
        return
      case 'POSTCOPY_LISTEN':
        return this.#report({ type: 'incoming.listening' })
      case 'POSTCOPY_RUN':
        if (this.#phase !== 'arrived')
          throw this.#error('The guest is to run without its devices', 'devices that are loaded before', command.name)
        this.#report({ type: 'incoming.running' })
        return this.#report({ type: 'incoming.start', ...arrivalOf(this.#runState) })
      case 'RECV_BITMAP':
        return this.#tellReceived(command.block)
      case 'POSTCOPY_RESUME':
        return this.#goOn()
    }
  }

  #tellReceived(name: string): void {
    const block = this.#memory.blocks.findIndex((each) => each.name === name)
    if (this.#resumed === undefined || block < 0)
      throw this.#error('Asked what has arrived', 'a broken postcopy, and a block of it', name)
    this.#answer({ name: 'RECV_BITMAP', block: name, bitmap: this.#memory.missing.received(block) })
  }

  /** The source knows what is missing. What the guest waits for is asked for again: what was asked on the channel before is lost. */
  #goOn(): void {
    this.#resumed = undefined
    this.#phase = 'arrived'
    this.#answer({ name: 'RESUME_ACK', value: 1 })
    this.#report({ type: 'incoming.recovered' })
  }

  #arrive(): void {
    this.#disks.finish()
    this.#phase = 'arrived'
    const postcopy = this.#postcopy.state === 'listening'
    this.#report({
      type: 'arrived',
      devices: this.#devices,
      runState: this.#runState,
      ...(postcopy ? { postcopy } : {}),
    })
  }

  /** The end mark. A source without a way back has not asked whether all is loaded. */
  #end(): void {
    if (this.#lockStep !== undefined) return this.#lockStep.end()
    this.#refuse(this.#postcopy.end())
    if (this.#phase === 'loading') this.#arrive()
    // Behind the description the checkpoints begin.
    if (this.#decoder.colo !== undefined) return
    this.#phase = 'ended'
    this.#report({ type: 'received', bytes: this.#received })
    this.#report({ type: 'incoming.ended', ...arrivalOf(this.#runState) })
  }
}
