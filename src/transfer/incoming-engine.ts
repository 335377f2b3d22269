/**
 * The receiving half of the data plane, for one connection: reads the stream, puts pages where they belong, hands over
 * the devices, and answers the source. A stepper like its counterpart: no clock, no thread, no socket of its own.
 *
 * Nothing that arrives is believed: blocks must be the ones this guest has, offsets must lie inside them, devices must
 * be known, and the guest starts only after the end mark.
 */
import { ChannelError, type ByteLink } from '../channel/byte-link.ts'
import type { GuestMemory } from '../memory/index.ts'
import {
  pageApplier,
  silentSink,
  StreamDecoder,
  StreamError,
  writeReturnPath,
  type Command,
  type Configuration,
  type RamBlock,
  type ReturnPathMessage,
  type Section,
} from '../wire/index.ts'
import { deviceBytes, IDENTITY_BYTES, MACHINE_NAME, PREPARE_PING, runStateOf, type DeviceState } from './dialect.ts'
import { GuestPageStore } from './guest-page-store.ts'
import { OutputQueue } from './output-queue.ts'
import type { IncomingOrder, IncomingReport, Wait } from './order.ts'

/** Bytes read at once: small enough to stay in the cache between the kernel's copy and ours. */
const BUFFER_BYTES = 256 * 1024

/** Bytes handled in one step before other things get their turn. */
const STEP_BYTES_MAX = 8 * 1024 * 1024

/** Bytes of answers that may wait for the link. */
const ANSWER_BYTES_MAX = 4096

/** What an engine is made for. */
export interface IncomingEngineOptions {
  readonly memory: GuestMemory
  /** Called for everything that is learnt, in order. */
  readonly report: (news: IncomingReport) => void
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
  #runState = 'running'
  #phase: 'loading' | 'arrived' | 'ended' | 'failed' | 'closing' | 'over' = 'loading'

  constructor(options: IncomingEngineOptions) {
    this.#memory = options.memory
    this.#report = options.report
    this.#store = new GuestPageStore(options.memory)
    this.#decoder = new StreamDecoder(
      {
        ...silentSink,
        ...pageApplier(this.#store, (at) => this.#decoder.offsetOf(at)),
        header: (configuration) => this.#identify(configuration),
        ramBlocks: (blocks) => this.#matchBlocks(blocks),
        device: (section, payload) => this.#takeDevice(section, payload),
        command: (command) => this.#obey(command),
        end: () => this.#end(),
      },
      { deviceLength: deviceBytes, vmDescription: 'required' },
    )
  }

  /** Bytes read from the link so far. */
  get bytesMoved(): number {
    return this.#received
  }

  order(order: IncomingOrder): void {
    if (this.#phase === 'over') return
    switch (order.type) {
      case 'accept':
        this.#answer({ name: 'PONG', value: PREPARE_PING })
        break
      case 'acknowledge':
        this.#answer({ name: 'SHUT', value: 0 })
        this.#phase = 'closing'
        break
      case 'reject':
        this.#answer({ name: 'SHUT', value: 1 })
        this.#phase = 'closing'
        break
      case 'abort':
        this.#phase = 'over'
        break
      // A stream of ours has one connection.
      case 'channel':
        break
    }
  }

  /** Does what can be done without waiting, and says what to wait for. Never throws: what fails is reported. */
  step(link: ByteLink): Wait {
    if (this.#phase === 'over') return { kind: 'over' }
    try {
      return this.#advance(link)
    } catch (error) {
      return this.#fail(error)
    }
  }

  #fail(error: unknown): Wait {
    const answered = this.#phase === 'closing'
    const lost = error instanceof ChannelError
    // A source that can still hear it is told: it would otherwise write into the channel for ever (I9).
    this.#phase = lost || answered || this.#phase === 'failed' ? 'over' : 'failed'
    const reason = error instanceof Error ? error.message : String(error)
    // A source that has heard what it waits for may close before it has read the rest.
    if (!answered)
      this.#report({ type: lost ? 'incoming.lost' : 'incoming.failed', reason, side: lost ? 'channel' : 'source' })
    return this.#phase === 'failed' ? { kind: 'order' } : { kind: 'over' }
  }

  #advance(link: ByteLink): Wait {
    if (!this.#queue.flush(link)) return { kind: 'link' }
    if (this.#phase === 'closing') {
      this.#phase = 'over'
      link.endWrites()
      return { kind: 'over' }
    }
    if (this.#phase === 'ended' || this.#phase === 'failed') return { kind: 'order' }
    for (let handled = 0; handled < STEP_BYTES_MAX;) {
      const count = link.read(this.#buffer, this.#held, BUFFER_BYTES)
      if (count === 0) return { kind: 'link' }
      if (count < 0) {
        this.#decoder.finish(this.#held)
        throw new ChannelError('read', 'EOF', 'the source closed the channel')
      }
      handled += count
      this.#received += count
      const end = this.#held + count
      const used = this.#decoder.feed(this.#buffer, 0, end)
      this.#buffer.copyWithin(0, used, end)
      this.#held = end - used
      if (!this.#queue.flush(link)) return { kind: 'link' }
      if (this.#hasEnded()) return { kind: 'order' }
    }
    this.#report({ type: 'received', bytes: this.#received })
    return { kind: 'until', millis: 0 }
  }

  #hasEnded(): boolean {
    return this.#phase === 'ended'
  }

  #answer(message: ReturnPathMessage): void {
    this.#queue.at = writeReturnPath(this.#queue.bytes, this.#queue.at, message)
  }

  #error(message: string, expected: string, found: string): StreamError {
    return new StreamError(this.#decoder.position, message, expected, found)
  }

  #unsupported(what: string): never {
    throw this.#error(`Received an unexpected ${what}`, 'plain and zero pages', what)
  }

  #identify(configuration: Configuration | undefined): void {
    if (configuration?.machine !== MACHINE_NAME)
      throw this.#error(
        `Machine type received is '${configuration?.machine ?? ''}' and local is '${MACHINE_NAME}'`,
        MACHINE_NAME,
        configuration?.machine ?? 'no configuration',
      )
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
    if (section.idstr === 'globalstate') {
      const state = runStateOf(payload)
      if (state !== 'running' && state !== 'paused')
        throw this.#error('Received an unknown run state', 'running or paused', String(state))
      this.#runState = state
      this.#devices.push({ idstr: 'globalstate', payload })
    } else this.#devices.push({ idstr: 'guest', payload })
  }

  #obey(command: Command): void {
    if (command.name === 'OPEN_RETURN_PATH') return
    if (command.name !== 'PING') this.#unsupported(`command ${command.name}`)
    if (command.value !== PREPARE_PING) {
      this.#answer({ name: 'PONG', value: command.value })
      return
    }
    if (this.#devices.length === 0 || this.#phase !== 'loading')
      throw this.#error('Asked too early or twice whether all is loaded', 'the devices before, and once', 'PING')
    this.#arrive()
  }

  #arrive(): void {
    this.#phase = 'arrived'
    this.#report({ type: 'arrived', devices: this.#devices, runState: this.#runState })
  }

  /** The end mark. A source without a way back has not asked whether all is loaded. */
  #end(): void {
    if (this.#phase === 'loading') this.#arrive()
    this.#phase = 'ended'
    this.#report({ type: 'received', bytes: this.#received })
    this.#report({ type: 'incoming.ended', running: this.#runState === 'running' })
  }
}
