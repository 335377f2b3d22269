/**
 * Sends a captured guest to a live QEMU: the sending half of the data plane for a guest that stands still, with the same
 * orders and reports as the engine for guests that run, so that the same charts drive it. As nothing is written meanwhile,
 * one pass is all there is; postcopy sends half of it before the switch and the rest, with what is asked for first, behind.
 *
 *   precopy   setup -> iterate -> converged -> complete -> flushed, prepared -> commit -> loaded
 *   COLO      setup -> iterate -> converged -> complete -> flushed, prepared -> lock-step -> checkpoints of no page
 *   postcopy  setup -> iterate -> postcopy -> package -> package-sent -> loaded
 */
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import { PAGE_BYTES, zeroTester, type GuestMemory } from '../../memory/index.ts'
import { multifdCompressor, pageDeflater } from '../../wire/compression.ts'
import {
  commandBytes,
  MULTIFD_PAGES_MAX,
  MultifdEncoder,
  RAM_IDSTR,
  RAM_INSTANCE,
  RAM_VERSION,
  StreamEncoder,
  StreamError,
  writeCommand,
  type ColoMessage,
  type Command,
  type Configuration,
  type MultifdMethodName,
  type RamRange,
  type ReturnPathMessage,
} from '../../wire/index.ts'
import { RAM_SECTION_ID } from '../dialect.ts'
import { SecondaryAnswers } from '../colo/secondary-answers.ts'
import type { OutgoingOrder, OutgoingReport, Wait } from '../order.ts'
import { RamStatistics } from '../ram-statistics.ts'
import { ReturnPath } from '../return-path.ts'
import type { CapturedDevices } from './captured-devices.ts'

export interface CapturedSenderOptions {
  readonly memory: GuestMemory
  readonly configuration: Configuration
  readonly devices: CapturedDevices
  readonly report: (news: OutgoingReport) => void
  /** Send pages as zlib streams of this level: the destination has `compress` on. */
  readonly compressLevel?: number
  /** Send pages that are not zero on these connections, beside the main one: the destination has `multifd` on. */
  readonly channels?: { readonly links: readonly ByteLink[]; readonly method: MultifdMethodName }
  /** Switch to postcopy when half of the pages are there: the destination has `postcopy-ram` on. */
  readonly postcopy?: boolean
}

/** Bytes that are put together before they are handed over. */
const BATCH_BYTES = 1024 * 1024
const STEP_BYTES_MAX = 8 * 1024 * 1024

type Phase =
  | 'idle'
  | 'setup'
  | 'iterating'
  | 'waiting'
  | 'completing'
  | 'flushing'
  | 'packaged'
  | 'packaging'
  | 'postcopy'
  | 'committing'
  | 'sent'
  | 'lock-step'
  | 'saving'
  | 'sending-state'
  | 'over'

/** What has to be handed to one connection, in order. */
class Output {
  readonly #pieces: Uint8Array[] = []
  bytes = 0

  push(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.bytes += piece.length
  }

  /** Hands over what the link takes; how many bytes that was. */
  flush(link: ByteLink): number {
    let moved = 0
    while (this.#pieces.length > 0) {
      const [first] = this.#pieces as [Uint8Array]
      const count = link.writev([first])
      if (count === 0) break
      moved += count
      if (count < first.length) this.#pieces[0] = first.subarray(count)
      else this.#pieces.shift()
    }
    this.bytes -= moved
    return moved
  }
}

/** A page: position of its block, and offset. */
type Place = readonly [block: number, offset: number]

export class CapturedSender {
  readonly #options: CapturedSenderOptions
  readonly #report: (news: OutgoingReport) => void
  readonly #main = new Output()
  readonly #encoder = new StreamEncoder((bytes) => this.#main.push(bytes.slice()))
  readonly #channels: readonly {
    readonly link: ByteLink
    readonly output: Output
    readonly encoder: MultifdEncoder
  }[]
  readonly #statistics = new RamStatistics()
  readonly #returnPath = new ReturnPath((message) => this.#hear(message))
  readonly #isZero: readonly ((offset: number) => boolean)[]
  readonly #deflate: ((bytes: Uint8Array, at: number) => Uint8Array) | undefined
  #phase: Phase = 'idle'
  #hasReturnPath = false
  /** The next page of the pass. */
  #block = 0
  #offset = 0
  #pagesLeft: number
  /** Pages that were asked for and sent out of turn, by block and offset. */
  readonly #sentEarly = new Set<string>()
  readonly #requested: Place[] = []
  #requests = 0
  #packets = 0
  #nextChannel = 0
  #moved = 0
  #startedMillis = 0
  #isColo = false
  #answers: SecondaryAnswers | undefined
  #checkpoints = 0

  constructor(options: CapturedSenderOptions) {
    const { memory, channels, compressLevel } = options
    this.#options = options
    this.#report = options.report
    this.#isZero = memory.blocks.map((block) => zeroTester(block.bytes))
    this.#pagesLeft = memory.totalBytes / PAGE_BYTES
    this.#deflate = compressLevel === undefined ? undefined : pageDeflater(compressLevel)
    this.#channels = (channels?.links ?? []).map((link) => {
      const output = new Output()
      const compressor = multifdCompressor(channels?.method ?? 'none')
      return { link, output, encoder: new MultifdEncoder((bytes) => output.push(bytes.slice()), compressor) }
    })
  }

  /** Bytes handed over so far, on all connections. */
  get bytesMoved(): number {
    return this.#moved
  }

  order(order: OutgoingOrder, nowMillis: number): void {
    if (this.#phase === 'over') return
    switch (order.type) {
      case 'setup':
        this.#isColo = order.colo !== undefined
        // In COLO what comes back is no return path.
        this.#setUp(order.returnPath && !this.#isColo, nowMillis)
        break
      case 'iterate':
        this.#phase = 'iterating'
        break
      case 'complete':
        this.#phase = 'completing'
        break
      case 'package':
        // A QEMU cannot be told to wait: its devices go with the leave to run, and nothing precedes that.
        this.#phase = 'packaged'
        this.#report({ type: 'outgoing.prepared' })
        break
      case 'commit':
        if (this.#phase === 'packaged') return this.#package()
        this.#writeEnd()
        this.#phase = 'committing'
        break
      case 'lock-step':
        this.#writeEnd()
        this.#answers = new SecondaryAnswers(this.#report, order.patienceMillis, nowMillis)
        this.#phase = 'lock-step'
        break
      case 'colo-message':
        if (order.message !== 'vmstate-size') this.#say({ name: order.message })
        if (order.message === 'checkpoint-request') this.#answers?.await(nowMillis)
        break
      case 'checkpoint':
        this.#saveCheckpoint()
        break
      case 'send-vmstate':
        this.#sendState()
        break
      case 'abort':
        this.#end()
        break
      // A guest that stands still has nothing that a limit would make converge.
      case 'set-parameters':
        break
    }
  }

  /** Does what can be done without waiting, and says what to wait for. Never throws: what fails is reported. */
  step(link: ByteLink, nowMillis: number): Wait {
    if (this.#phase === 'over') return { kind: 'over' }
    try {
      return this.#advance(link, nowMillis)
    } catch (error) {
      const word = error instanceof ChannelError && this.#hasReturnPath ? this.#returnPath.lastWord(link) : undefined
      return this.#isOver() ? { kind: 'over' } : this.#fail(word ?? error)
    }
  }

  #writeEnd(): void {
    const { description } = this.#options.devices
    this.#encoder.vmDescription({ pageSize: PAGE_BYTES, devices: [], json: {}, bytes: description })
    this.#encoder.end()
    this.#encoder.flush()
  }

  #say(message: ColoMessage): void {
    this.#encoder.coloMessage(message)
    this.#encoder.flush()
  }

  /** Nothing was written since the last one. */
  #saveCheckpoint(): void {
    this.#report({ type: 'outgoing.pass', pass: 1 + ++this.#checkpoints })
    this.#encoder.sectionEnd(RAM_SECTION_ID)
    this.#endRound()
    this.#encoder.end()
    this.#encoder.flush()
    this.#phase = 'saving'
  }

  #sendState(): void {
    const { sections } = this.#options.devices
    // The end mark is counted.
    this.#say({ name: 'vmstate-size', bytes: sections.length + 1 })
    this.#main.push(sections)
    this.#encoder.end()
    this.#encoder.flush()
    this.#phase = 'sending-state'
  }

  #fail(error: unknown): Wait {
    this.#end()
    const side = error instanceof ChannelError ? 'channel' : error instanceof StreamError ? 'destination' : 'source'
    const reason = error instanceof Error ? error.message : String(error)
    this.#report({ type: 'outgoing.failed', reason, side })
    return { kind: 'over' }
  }

  #isOver(): boolean {
    return this.#phase === 'over'
  }

  #end(): void {
    this.#phase = 'over'
    this.#returnPath.close()
  }

  #advance(link: ByteLink, nowMillis: number): Wait {
    const stepEnd = this.#moved + STEP_BYTES_MAX
    while (this.#moved < stepEnd) {
      if (this.#hasReturnPath) this.#returnPath.listen(link)
      this.#answers?.listen(link, nowMillis)
      if (this.#isOver()) return { kind: 'over' }
      if (!this.#flush(link)) return { kind: 'link' }
      if (!this.#go(nowMillis)) return { kind: 'link' }
    }
    return { kind: 'until', millis: nowMillis }
  }

  /** What comes next when everything has been handed over; false: somebody else has to do something first. */
  #go(nowMillis: number): boolean {
    switch (this.#phase) {
      case 'setup':
        this.#phase = 'idle'
        this.#reportProgress()
        this.#report({ type: 'outgoing.setup-done', setupMillis: Math.round(nowMillis - this.#startedMillis) })
        return true
      case 'iterating':
        this.#iterate()
        return true
      case 'completing':
        this.#complete()
        return true
      case 'flushing':
        this.#phase = 'waiting'
        this.#reportProgress()
        this.#report({ type: 'outgoing.flushed' })
        // A QEMU cannot be asked whether it has loaded all of it.
        if (this.#hasReturnPath || this.#isColo) this.#report({ type: 'outgoing.prepared' })
        return true
      case 'packaging':
        this.#phase = 'postcopy'
        this.#report({ type: 'outgoing.package-sent' })
        return true
      case 'postcopy':
        this.#sendRest()
        return true
      case 'committing':
        this.#phase = 'sent'
        this.#report({ type: 'sent' })
        return true
      case 'saving':
        this.#phase = 'lock-step'
        this.#report({ type: 'outgoing.vmstate-saved' })
        return true
      case 'sending-state':
        this.#phase = 'lock-step'
        this.#answers?.await(nowMillis)
        this.#report({ type: 'outgoing.vmstate-sent' })
        return true
      case 'lock-step':
        this.#answers?.checkPatience(nowMillis)
        return false
      default:
        return false
    }
  }

  /** Hands over what is pending everywhere; true when nothing is. */
  #flush(link: ByteLink): boolean {
    this.#moved += this.#main.flush(link)
    for (const { link: other, output } of this.#channels) this.#moved += output.flush(other)
    return this.#main.bytes === 0 && this.#channels.every(({ output }) => output.bytes === 0)
  }

  #setUp(returnPath: boolean, nowMillis: number): void {
    const { configuration, memory, postcopy = false } = this.#options
    this.#phase = 'setup'
    this.#hasReturnPath = returnPath
    this.#startedMillis = nowMillis
    for (const [channel, { encoder }] of this.#channels.entries()) {
      encoder.init({ uuid: new Uint8Array(16), channel })
    }
    this.#encoder.header(configuration)
    if (this.#isColo) this.#encoder.command({ name: 'ENABLE_COLO' })
    if (returnPath) {
      this.#encoder.command({ name: 'OPEN_RETURN_PATH' })
      this.#encoder.command({ name: 'PING', value: 1 })
    }
    if (postcopy)
      this.#encoder.command({ name: 'POSTCOPY_ADVISE', pageSizes: { summary: PAGE_BYTES, target: PAGE_BYTES } })
    this.#encoder.sectionStart({ id: RAM_SECTION_ID, idstr: RAM_IDSTR, instance: RAM_INSTANCE, version: RAM_VERSION })
    this.#encoder.ramBlocks(memory.blocks)
    this.#endRound()
  }

  /** EOS on the main stream, and behind it on every channel a packet with SYNC. */
  #endRound(): void {
    this.#encoder.ramEos(RAM_SECTION_ID)
    this.#encoder.flush()
    for (const { encoder } of this.#channels) {
      encoder.packet({
        sync: true,
        method: 'none',
        pagesMax: MULTIFD_PAGES_MAX,
        dataBytes: 0,
        number: this.#packets++,
        block: '',
        offsets: [],
      })
    }
  }

  /** The next page of the pass that has not been sent out of turn; undefined behind the last. */
  #next(): Place | undefined {
    const { blocks } = this.#options.memory
    while (this.#block < blocks.length) {
      if (this.#offset === blocks[this.#block]!.usedLength) {
        this.#block++
        this.#offset = 0
        continue
      }
      const place: Place = [this.#block, this.#offset]
      this.#offset += PAGE_BYTES
      if (!this.#sentEarly.has(`${place[0]}:${place[1]}`)) return place
    }
    return undefined
  }

  /** One part of the pass. */
  #iterate(): void {
    const { postcopy = false, memory } = this.#options
    const half = memory.totalBytes / PAGE_BYTES / 2
    this.#encoder.sectionPart(RAM_SECTION_ID)
    this.#sendPages(() => !postcopy || this.#pagesLeft > half)
    this.#endRound()
    if (postcopy && this.#pagesLeft <= half) {
      this.#phase = 'waiting'
      this.#report({ type: 'outgoing.postcopy' })
    } else if (this.#block === memory.blocks.length) {
      this.#phase = 'waiting'
      this.#reportProgress()
      this.#report({ type: 'outgoing.converged' })
    }
  }

  /** Pages up to a batch, as long as `mayGoOn` allows; true when none is left. */
  #sendPages(mayGoOn: () => boolean): boolean {
    const before = this.#encoder.position
    let plain = 0
    while (mayGoOn() && this.#encoder.position - before + plain < BATCH_BYTES) {
      const place = this.#requested.shift() ?? this.#next()
      if (place === undefined) return true
      plain += this.#sendPage(place)
    }
    return false
  }

  /** Returns bytes that go out elsewhere than on the main stream. */
  #sendPage([block, offset]: Place): number {
    const { bytes } = this.#options.memory.blocks[block]!
    this.#pagesLeft--
    if (this.#isZero[block]!(offset)) {
      this.#encoder.zeroPage(block, offset, 0)
      this.#statistics.duplicate++
      return 0
    }
    this.#statistics.normal++
    if (this.#channels.length > 0) return this.#sendOnChannel(block, offset)
    if (this.#deflate === undefined) this.#encoder.page(block, offset, bytes, offset)
    else {
      const deflated = this.#deflate(bytes, offset)
      this.#encoder.compressedPage(block, offset, deflated, 0, deflated.length)
    }
    return 0
  }

  /** A packet of one page for the next channel in turn. */
  #sendOnChannel(block: number, offset: number): number {
    const { memory, channels } = this.#options
    const { encoder } = this.#channels[this.#nextChannel]!
    this.#nextChannel = (this.#nextChannel + 1) % this.#channels.length
    const { name, bytes } = memory.blocks[block]!
    const offsets = [offset]
    for (let next = offset + PAGE_BYTES; offsets.length < MULTIFD_PAGES_MAX; next += PAGE_BYTES) {
      const isNext = this.#block === block && this.#offset === next && next < bytes.length
      if (!isNext || this.#isZero[block]!(next)) break
      offsets.push(next)
      this.#offset += PAGE_BYTES
      this.#pagesLeft--
      this.#statistics.normal++
    }
    const dataBytes = offsets.length * PAGE_BYTES
    const method = channels?.method ?? 'none'
    encoder.packet({
      sync: false,
      method,
      pagesMax: MULTIFD_PAGES_MAX,
      dataBytes,
      number: this.#packets++,
      block: name,
      offsets,
    })
    for (const page of offsets) encoder.page(block, page, bytes, page)
    return dataBytes
  }

  #complete(): void {
    this.#encoder.sectionEnd(RAM_SECTION_ID)
    this.#endRound()
    this.#main.push(this.#options.devices.sections)
    this.#phase = 'flushing'
  }

  // Postcopy

  /** What has not been sent is missing there; then the devices, and the order to run. */
  #package(): void {
    const { memory, devices } = this.#options
    for (const [index, { name, usedLength }] of memory.blocks.entries()) {
      const sent = index < this.#block ? usedLength : index === this.#block ? this.#offset : 0
      const ranges: readonly RamRange[] = sent < usedLength ? [{ start: sent, length: usedLength - sent }] : []
      if (ranges.length > 0) this.#encoder.command({ name: 'POSTCOPY_RAM_DISCARD', block: name, ranges })
    }
    const content = Buffer.concat([
      commandOf({ name: 'POSTCOPY_LISTEN' }),
      devices.sections,
      commandOf({ name: 'PING', value: 3 }),
      commandOf({ name: 'POSTCOPY_RUN' }),
    ])
    this.#encoder.command({ name: 'PING', value: 2 })
    this.#encoder.command({ name: 'PACKAGED', length: content.length })
    this.#encoder.package(content)
    this.#encoder.packageEnd()
    this.#encoder.command({ name: 'PING', value: 4 })
    this.#encoder.flush()
    this.#phase = 'packaging'
  }

  /** One part of what is missing there, with what was asked for first; behind the last the end mark. */
  #sendRest(): void {
    this.#encoder.sectionPart(RAM_SECTION_ID)
    const isAll = this.#sendPages(() => true)
    this.#endRound()
    if (!isAll) return
    this.#encoder.sectionEnd(RAM_SECTION_ID)
    this.#endRound()
    this.#encoder.end()
    this.#encoder.flush()
    this.#phase = 'sent'
  }

  #request({ block: name, start, length }: Extract<ReturnPathMessage, { name: 'REQ_PAGES' | 'REQ_PAGES_ID' }>): void {
    const index = this.#options.memory.blocks.findIndex((block) => block.name === name)
    const block = this.#options.memory.blocks[index]
    if (block === undefined || start % PAGE_BYTES !== 0 || start + length > block.usedLength) {
      throw this.#returnPath.refusal(
        'A page that does not exist was asked for',
        'a page of a block',
        `${name} ${start}`,
      )
    }
    this.#requests++
    for (let offset = start; offset < start + length; offset += PAGE_BYTES) {
      const isSent = index < this.#block || (index === this.#block && offset < this.#offset)
      const key = `${index}:${offset}`
      if (isSent || this.#sentEarly.has(key)) continue
      this.#sentEarly.add(key)
      this.#requested.push([index, offset])
    }
  }

  #hear(message: ReturnPathMessage): void {
    switch (message.name) {
      case 'PONG':
        return
      case 'REQ_PAGES':
      case 'REQ_PAGES_ID':
        return this.#request(message)
      case 'SHUT':
        return this.#shut(message.value)
      default:
        throw this.#returnPath.refusal('Unexpected message on the return path', 'PONG, REQ_PAGES or SHUT', message.name)
    }
  }

  #shut(value: number): void {
    if (value !== 0) throw this.#returnPath.refusal('The destination gave up', 'SHUT 0', `SHUT ${value}`)
    if (this.#phase !== 'committing' && this.#phase !== 'sent') {
      throw this.#returnPath.refusal('The destination ended early', 'no SHUT before the end mark', 'SHUT 0')
    }
    this.#end()
    this.#reportProgress()
    this.#report({ type: 'outgoing.loaded' })
  }

  #reportProgress(): void {
    this.#statistics.transferred = this.#moved
    this.#report({
      type: 'outgoing.progress',
      ram: {
        ...this.#statistics.report(this.#pagesLeft * PAGE_BYTES, this.#options.memory.totalBytes),
        'postcopy-requests': this.#requests,
      },
      expectedDowntimeMillis: 0,
    })
  }
}

const commandOf = (command: Command): Uint8Array => {
  const bytes = new Uint8Array(commandBytes(command))
  writeCommand(bytes, 0, command)
  return bytes
}
