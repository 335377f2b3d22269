/**
 * Stands between two QEMUs on one connection each: what the source sends is decoded, and passed on when it has been found
 * good; what the destination answers goes back. A stepper without clock, thread or socket. What it holds is one read of
 * the source's stream and a few answers, so that back-pressure reaches from one QEMU to the other.
 *
 * Passed on are the very bytes that were decoded; or, where that is asked for, what our own encoder makes of them.
 */
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import {
  MigrationDecoder,
  RECORD_BYTES_MAX,
  RETURN_PATH_RECORD_BYTES_MAX,
  ReturnPathDecoder,
  returnPathBytes,
  silentSink,
  StreamEncoder,
  teeSink,
  writeReturnPath,
  type ReturnPathMessage,
  type StreamSink,
} from '../../wire/index.ts'
import { BandwidthWindow } from '../bandwidth-window.ts'
import type { Wait } from '../order.ts'

export interface RelayEngineOptions {
  readonly source: ByteLink
  readonly destination: ByteLink
  /** Bytes a second towards the destination; 0 means no limit. */
  readonly maxBandwidth?: number
  /** Write the stream anew instead of passing on its bytes. */
  readonly reencode?: boolean
  /** Names the block in every page record that is written anew. */
  readonly nameEveryPage?: boolean
  /** Hears what the source sends, and what the destination answers. */
  readonly listener?: Partial<StreamSink>
  readonly onAnswer?: (message: ReturnPathMessage) => void
  /** Sees the source's bytes, in order. */
  readonly tap?: (bytes: Uint8Array) => void
}

const READ_BYTES = 256 * 1024
/** Bytes passed on in one step before the other direction gets its turn. */
const STEP_BYTES_MAX = 2 * 1024 * 1024

/** How a relay ended: the destination took the guest; it refused; nobody was to answer. */
export type RelayEnd = 'taken' | 'refused' | 'unanswered'

export class RelayEngine {
  readonly #options: RelayEngineOptions
  readonly #window: BandwidthWindow
  readonly #decoder: MigrationDecoder
  readonly #encoder: StreamEncoder | undefined
  readonly #buffer = new Uint8Array(READ_BYTES + RECORD_BYTES_MAX)
  #held = 0
  /** Bytes at the front of the buffer that have been decoded; they make way when what comes of them has been passed on. */
  #decoded = 0
  /** What has to be passed on before anything more is read. */
  #pending: Uint8Array[] = []
  #sourceEnded = false
  #destinationEnded = false
  #expectsAnswer = false
  /** Value of the SHUT that the destination said. */
  #shut: number | undefined
  readonly #answers: ReturnPathDecoder
  readonly #answerBuffer = new Uint8Array(64 * 1024 + RETURN_PATH_RECORD_BYTES_MAX)
  #answerHeld = 0
  #back: Uint8Array[] = []
  #bytes = 0
  #over = false

  constructor(options: RelayEngineOptions, nowMillis: number) {
    const { maxBandwidth = 0, reencode = false, nameEveryPage = false, listener = {} } = options
    this.#options = options
    this.#window = new BandwidthWindow({ maxBandwidth, downtimeLimitMillis: 0 }, nowMillis)
    this.#encoder = reencode
      ? new StreamEncoder((bytes) => this.#pending.push(bytes.slice()), { nameEveryPage, omitTail: true })
      : undefined
    const own: Partial<StreamSink> = {
      command: ({ name }) => {
        this.#expectsAnswer ||= name === 'OPEN_RETURN_PATH'
      },
    }
    this.#decoder = new MigrationDecoder(teeSink(listener, own, this.#encoder ?? silentSink), {
      iterables: ['ram', 'block', 'dirty-bitmap'],
    })
    this.#answers = new ReturnPathDecoder((message) => this.#answer(message))
  }

  /** Bytes passed on to the destination. */
  get bytesMoved(): number {
    return this.#bytes
  }

  /** Place in the source's stream of what the listener is told. */
  get itemOffset(): number {
    return this.#decoder.main.itemOffset
  }

  /** How it ended; undefined before. */
  get end(): RelayEnd | undefined {
    if (!this.#over) return undefined
    if (this.#shut === undefined) return 'unanswered'
    return this.#shut === 0 ? 'taken' : 'refused'
  }

  /** Does what can be done without waiting. @throws StreamError ChannelError when the relay is at its end */
  step(nowMillis: number): Wait {
    if (this.#over) return { kind: 'over' }
    this.#window.roll(nowMillis)
    const stepEnd = this.#bytes + STEP_BYTES_MAX
    for (let progress = true; progress && this.#bytes < stepEnd;) {
      progress = this.#passBack()
      progress = this.#passOn() || progress
      if (this.#isThrough()) {
        this.#over = true
        this.#options.source.endWrites()
        this.#options.destination.endWrites()
        return { kind: 'over' }
      }
      if (!progress && this.#window.allowanceBytes <= 0) return { kind: 'until', millis: this.#window.endMillis }
    }
    return this.#bytes < stepEnd ? { kind: 'link' } : { kind: 'until', millis: nowMillis }
  }

  #isThrough(): boolean {
    if (this.#back.length > 0) return false
    if (this.#shut !== undefined && this.#shut !== 0) return true
    if (this.#pending.length > 0 || !this.#decoder.complete) return false
    if (this.#decoder.main.colo !== undefined) return this.#sourceEnded || this.#destinationEnded
    return this.#expectsAnswer ? this.#shut !== undefined : this.#sourceEnded
  }

  /** From the source to the destination; whether anything has moved. */
  #passOn(): boolean {
    if (this.#pending.length > 0) return this.#write()
    if (this.#decoded > 0) {
      this.#buffer.copyWithin(0, this.#decoded, this.#held)
      this.#held -= this.#decoded
      this.#decoded = 0
    }
    if (this.#sourceEnded || this.#window.allowanceBytes <= 0) return false
    const count = this.#options.source.read(this.#buffer, this.#held, this.#held + READ_BYTES)
    if (count === 0) return false
    if (count < 0) {
      this.#sourceEnded = true
      this.#decoder.finish('main', this.#held)
      return true
    }
    this.#options.tap?.(this.#buffer.subarray(this.#held, this.#held + count))
    this.#held += count
    this.#decode()
    if (this.#pending.length > 0) this.#write()
    return true
  }

  #decode(): void {
    const { main } = this.#decoder
    const before = main.position
    const wasComplete = main.complete
    const used = this.#decoder.feed('main', this.#buffer, 0, this.#held)
    this.#decoded = used
    if (this.#encoder === undefined) {
      if (used > 0) this.#pending.push(this.#buffer.subarray(0, used))
      return
    }
    this.#encoder.flush()
    // The devices are passed on as they come: whoever waits for them does not wait for their end to be found as well.
    const { tailOffset } = main
    if (tailOffset === undefined || wasComplete) return
    const from = Math.max(0, tailOffset - before)
    const to = Math.min(used, main.position - before)
    if (from < to) this.#pending.push(this.#buffer.subarray(from, to))
  }

  /** Hands over what is pending, as far as limit and link allow; whether anything went. */
  #write(): boolean {
    let moved = false
    while (this.#pending.length > 0) {
      const [first] = this.#pending as [Uint8Array]
      const allowed = Math.min(first.length, Math.max(0, this.#window.allowanceBytes))
      if (allowed === 0) return moved
      const count = this.#options.destination.writev([allowed < first.length ? first.subarray(0, allowed) : first])
      if (count === 0) return moved
      moved = true
      this.#bytes += count
      this.#window.add(count)
      if (count < first.length) this.#pending[0] = first.subarray(count)
      else this.#pending.shift()
    }
    return moved
  }

  /** From the destination to the source; whether anything has moved. */
  #passBack(): boolean {
    let moved = false
    while (this.#back.length > 0) {
      const [first] = this.#back as [Uint8Array]
      const count = this.#options.source.writev([first])
      if (count === 0) return moved
      moved = true
      if (count < first.length) this.#back[0] = first.subarray(count)
      else this.#back.shift()
    }
    if (this.#destinationEnded || this.#shut !== undefined) return moved
    const count = this.#options.destination.read(this.#answerBuffer, this.#answerHeld, this.#answerBuffer.length)
    if (count === 0) return moved
    if (count < 0) {
      this.#destinationEnded = true
      if (this.#decoder.complete && (this.#decoder.main.colo !== undefined || !this.#expectsAnswer)) return true
      throw new ChannelError('read', 'EOF', 'the destination closed the channel')
    }
    this.#answerHeld += count
    this.#hear()
    return true
  }

  #hear(): void {
    // In COLO what comes back are its own messages, and the source is the one to judge them.
    if (this.#decoder.main.colo !== undefined) {
      this.#back.push(this.#answerBuffer.slice(0, this.#answerHeld))
      this.#answerHeld = 0
      return
    }
    const used = this.#answers.feed(this.#answerBuffer, 0, this.#answerHeld)
    this.#answerBuffer.copyWithin(0, used, this.#answerHeld)
    this.#answerHeld -= used
  }

  #answer(message: ReturnPathMessage): void {
    const bytes = new Uint8Array(returnPathBytes(message))
    writeReturnPath(bytes, 0, message)
    this.#back.push(bytes)
    if (message.name === 'SHUT') this.#shut = message.value
    this.#options.onAnswer?.(message)
  }
}

/** Passes bytes of one connection on to another and back: for channels that carry pages alone. */
export class PlainRelay {
  readonly #ends: readonly [ByteLink, ByteLink]
  readonly #pipes: readonly [PlainPipe, PlainPipe]

  constructor(source: ByteLink, destination: ByteLink) {
    this.#ends = [source, destination]
    this.#pipes = [new PlainPipe(source, destination), new PlainPipe(destination, source)]
  }

  /** Moves what can be moved; whether anything was. @throws ChannelError */
  step(): boolean {
    return this.#pipes.map((pipe) => pipe.step()).some(Boolean)
  }

  endWrites(): void {
    for (const end of this.#ends) end.endWrites()
  }
}

class PlainPipe {
  readonly #from: ByteLink
  readonly #to: ByteLink
  readonly #buffer = new Uint8Array(READ_BYTES)
  #start = 0
  #end = 0
  #ended = false

  constructor(from: ByteLink, to: ByteLink) {
    this.#from = from
    this.#to = to
  }

  step(): boolean {
    if (this.#start === this.#end && !this.#ended) {
      const count = this.#from.read(this.#buffer, 0, READ_BYTES)
      if (count < 0) {
        this.#ended = true
        this.#to.endWrites()
        return true
      }
      this.#start = 0
      this.#end = count
    }
    if (this.#start === this.#end) return false
    const count = this.#to.writev([this.#buffer.subarray(this.#start, this.#end)])
    this.#start += count
    return count > 0
  }
}
