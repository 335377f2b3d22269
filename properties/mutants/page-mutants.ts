/** Seeded bugs of the ways a page can go, those of the public bug catalogue among them. */
import { PAGE_BYTES } from '../../src/memory/index.ts'
import { InlinePageThreads } from '../../src/transfer/compression/page-threads.ts'
import { LinkSendChannels, type SendChannels } from '../../src/transfer/multifd/send-channels.ts'
import { MULTIFD_HEADER_BYTES } from '../../src/wire/index.ts'
import { PageDispatch, type PageDispatchOptions } from '../../src/transfer/page-dispatch.ts'
import type { PageRecords } from '../../src/transfer/page-encoder.ts'
import { Xbzrle, type XbzrleOptions, type XbzrleOutcome } from '../../src/transfer/xbzrle.ts'
import type { OutgoingReport } from '../../src/transfer/order.ts'
import type { RuntimeSystem } from '../worlds/runtime-world.ts'
import type { Mutant } from './mutant.ts'
import { withIncoming, withOutgoing, withReports } from './seeded-engine.ts'

const withDispatch = (name: string, makeDispatch: (options: PageDispatchOptions) => PageDispatch): RuntimeSystem =>
  withOutgoing(name, (options) => ({ ...options, makeDispatch }))

const withXbzrle = (name: string, make: (options: XbzrleOptions) => Xbzrle): RuntimeSystem =>
  withDispatch(name, (options) => new PageDispatch({ ...options, makeXbzrle: make }))

type Counters = NonNullable<Extract<OutgoingReport, { type: 'outgoing.progress' }>['xbzrle']>

const withCounters = (name: string, change: (counters: Counters) => Partial<Counters>): RuntimeSystem =>
  withReports(name, () => (news) => [
    news.type === 'outgoing.progress' && news.xbzrle !== undefined
      ? { ...news, xbzrle: { ...news.xbzrle, ...change(news.xbzrle) } }
      : news,
  ])

/** D1 */
class ForgetsZeros extends Xbzrle {
  override zeroed(): void {}
}

/** D2: the copy is made when the page is long gone, and the guest may have written to it again. */
class CopiesLate extends Xbzrle {
  readonly #memory: XbzrleOptions['memory']
  #late: (() => void) | undefined

  constructor(options: XbzrleOptions) {
    super(options)
    this.#memory = options.memory
  }

  override look(block: number, offset: number, pass: number, isLast: boolean): XbzrleOutcome {
    this.#late?.()
    this.#late = undefined
    const outcome = super.look(block, offset, pass, isLast)
    const { cached, cachedAt } = this
    if (outcome !== 'cached') return outcome
    this.#late = () => cached.set(this.#memory.blocks[block]!.bytes.subarray(offset, offset + PAGE_BYTES), cachedAt)
    return outcome
  }
}

/** A difference has gone out, and of every second page the copy from before stays. */
class KeepsOldCopy extends Xbzrle {
  #isNew = true
  override look(block: number, offset: number, pass: number, isLast: boolean): XbzrleOutcome {
    const before = this.copyOf(block, offset / PAGE_BYTES)
    const outcome = super.look(block, offset, pass, isLast)
    this.#isNew = !this.#isNew
    if (outcome === 'delta' && before !== undefined && this.#isNew) this.cached.set(before, this.cachedAt)
    return outcome
  }
}

/** D5: where the cache has another size a page is looked for where it was. */
class ResizesTheTableOnly extends Xbzrle {
  #shift = 0
  override resize(cacheBytes: number): void {
    super.resize(cacheBytes)
    this.#shift++
  }
  override get cachedAt(): number {
    const places = this.cachedBytes / PAGE_BYTES
    const place = super.cachedAt / PAGE_BYTES
    return ((place + this.#shift) % places) * PAGE_BYTES
  }
}

/** D6: the difference has a byte more than it should. */
class WritesPastTheEnd extends Xbzrle {
  readonly #longer = new Uint8Array(PAGE_BYTES + 1)
  override get delta(): Uint8Array {
    const body = super.delta
    this.#longer.set(body)
    return this.#longer.subarray(0, body.length + 1)
  }
}

/** D10, at 64 KiB instead of 4 GiB. */
const withNarrowOffsets = (name: string): RuntimeSystem =>
  withDispatch(name, ({ encoder, ...options }) => {
    const narrow: PageRecords = {
      isZero: (block, offset) => encoder.isZero(block, offset),
      zero: (block, offset) => encoder.zero(block, offset & 0xffff),
      whole: (block, offset, bytes = options.memory.blocks[block]!.bytes, at = offset) =>
        encoder.whole(block, offset & 0xffff, bytes, at),
      delta: (block, offset, body) => encoder.delta(block, offset & 0xffff, body),
      compressed: (block, offset, stream) => encoder.compressed(block, offset & 0xffff, stream),
    }
    return new PageDispatch({ ...options, encoder: narrow })
  })

/** D4 */
class NamesUnsent extends PageDispatch {
  readonly #options: PageDispatchOptions
  constructor(options: PageDispatchOptions) {
    super(options)
    this.#options = options
  }
  override send(isLast: boolean): void {
    const { scan, section, statistics } = this.#options
    const before = statistics.xbzrle.unchanged
    super.send(isLast)
    if (statistics.xbzrle.unchanged > before) section.nameFor(scan.block)
  }
}

/** D7: nobody is waited for. */
class NeverPending extends InlinePageThreads {
  override get pending(): number {
    return 0
  }
}

/** D8: from the first page on that is given to a thread, everybody waits for everybody. */
const withStuckThreads = (name: string): RuntimeSystem => {
  let stuck = false
  class Stuck extends InlinePageThreads {
    override give(...page: Parameters<InlinePageThreads['give']>): boolean {
      stuck = true
      return super.give(...page)
    }
  }
  return withIncoming(
    name,
    (options) => {
      stuck = false
      return { ...options, makeThreads: (work, count) => new Stuck(work, count) }
    },
    (engine) => ({
      order: (order, nowMillis) => engine.order(order, nowMillis),
      step: (link, nowMillis) => (stuck ? { kind: 'order' } : engine.step(link, nowMillis)),
    }),
  )
}

/** The page that is under way is forgotten when the pass ends. */
class SettlesTooEarly extends PageDispatch {
  override settle(): boolean {
    return true
  }
}

/** Channels that are wrong in one way; what is not said is as it is. */
const withChannels = (name: string, change: (channels: SendChannels) => Partial<SendChannels>): RuntimeSystem =>
  withOutgoing(name, (options) => ({
    ...options,
    makeChannels: (parts) => {
      const channels = options.makeChannels?.(parts) ?? new LinkSendChannels([], parts)
      const changed = change(channels)
      return {
        get count() {
          return channels.count
        },
        get isIdle() {
          return changed.isIdle ?? channels.isIdle
        },
        give: (packet) => (changed.give ?? channels.give.bind(channels))(packet),
        giveAll: (packet) => (changed.giveAll ?? channels.giveAll.bind(channels))(packet),
        collect: () => (changed.collect ?? channels.collect.bind(channels))(),
        close: () => channels.close(),
      }
    },
  }))

/** B2: the second packet is with a thread that has died. */
const withDeadThread = (name: string): RuntimeSystem =>
  withChannels(name, (channels) => {
    let given = 0
    return {
      get isIdle() {
        return given < 2 && channels.isIdle
      },
      give: (packet) => ++given === 2 || channels.give(packet),
    }
  })

/** B4: whose turn it is outlives the run, and with it how many there are. */
const withStaticTurn = (name: string): RuntimeSystem => {
  let turn = 0
  let most = 0
  return withChannels(name, (channels) => {
    most = Math.max(most, channels.count)
    return { give: (packet) => turn++ % most >= channels.count || channels.give(packet) }
  })
}

/** B6 */
const withMissingSync = (name: string): RuntimeSystem =>
  withChannels(name, (channels) => {
    let rounds = 0
    return {
      giveAll: (packet) => {
        if (++rounds !== 3) channels.giveAll(packet)
      },
    }
  })

/** B9 */
class UnlimitedChannels extends PageDispatch {
  override get pendingBytes(): number {
    return 0
  }
  override pump(): number {
    super.pump()
    return 0
  }
}

/** B10 */
const withUncountedSync = (name: string): RuntimeSystem =>
  withChannels(name, (channels) => {
    let uncounted = 0
    return {
      giveAll: (packet) => {
        uncounted += channels.count * MULTIFD_HEADER_BYTES
        channels.giveAll(packet)
      },
      collect: () => {
        const bytes = channels.collect()
        const less = Math.min(bytes, uncounted)
        uncounted -= less
        return bytes - less
      },
    }
  })

/** B8 */
const withoutPatience = (name: string): RuntimeSystem =>
  withIncoming(
    name,
    (options) => options,
    (engine) => ({
      order: (order) => engine.order(order, 0),
      step: (link) => engine.step(link, 0),
    }),
  )

const withProgress = (
  name: string,
  change: (news: Extract<OutgoingReport, { type: 'outgoing.progress' }>) => Partial<OutgoingReport>,
): RuntimeSystem =>
  withReports(
    name,
    () => (news) =>
      [news.type === 'outgoing.progress' ? { ...news, ...change(news) } : news] as readonly OutgoingReport[],
  )

/** See the head of this file. */
export const pageMutants: readonly Mutant<RuntimeSystem>[] = [
  {
    id: 'd1',
    title: 'XBZRLE: a page that is sent as zero keeps its old copy in the cache',
    system: withXbzrle('d1', (options) => new ForgetsZeros(options)),
    killedBy: ['I17'],
  },
  {
    id: 'd2',
    title: 'XBZRLE: the copy of a page is made after it was sent',
    system: withXbzrle('d2', (options) => new CopiesLate(options)),
    killedBy: ['I17', 'I15'],
  },
  {
    id: 'd3',
    title: 'XBZRLE: a difference was sent and the cached copy stays as it was',
    system: withXbzrle('d3', (options) => new KeepsOldCopy(options)),
    killedBy: ['I17', 'I15'],
  },
  {
    id: 'd4',
    title: 'XBZRLE: a page that is not sent, as it has not changed, counts as the page before',
    system: withDispatch('d4', (options) => new NamesUnsent(options)),
    killedBy: ['I16'],
  },
  {
    id: 'd5',
    title: 'XBZRLE: behind a resize the copies are looked for in other places',
    system: withXbzrle('d5', (options) => new ResizesTheTableOnly(options)),
    killedBy: ['I16', 'I17'],
  },
  {
    id: 'd6',
    title: 'XBZRLE: the encoder writes past the end of a difference',
    system: withXbzrle('d6', (options) => new WritesPastTheEnd(options)),
    killedBy: ['I19'],
  },
  {
    id: 'd7',
    title: 'decompression is not finished when the next part begins, nor when the guest starts',
    system: withIncoming('d7', (options) => ({
      ...options,
      makeThreads: (work, count) => new NeverPending(work, count),
    })),
    killedBy: ['I15'],
  },
  {
    id: 'd8',
    title: 'the threads that decompress wait for the one that reads, and it for them',
    system: withStuckThreads('d8'),
    killedBy: ['I9'],
  },
  {
    id: 'd9',
    title: 'a pass ends while pages of it are still being compressed',
    system: withDispatch('d9', (options) => new SettlesTooEarly(options)),
    killedBy: ['I15'],
  },
  {
    id: 'd10',
    title: 'the upper bits of an offset are lost',
    system: withNarrowOffsets('d10'),
    killedBy: ['I15', 'I16'],
  },
  {
    id: 's5',
    title: 'XBZRLE: the miss rate of a period without pages is 0 / 0',
    system: withCounters('s5', ({ cacheMissRate }) => (cacheMissRate === 0 ? { cacheMissRate: Number.NaN } : {})),
    killedBy: ['I23'],
  },
  {
    id: 's6',
    title: 'XBZRLE: misses are divided by the passes of a period',
    system: withCounters('s6', ({ cacheMissRate }) => ({ cacheMissRate: cacheMissRate * 512 })),
    killedBy: ['I23'],
  },
  {
    id: 's8',
    title: 'XBZRLE: the bytes of a difference are counted again with each that follows',
    system: withCounters('s8', ({ deltas, deltaBytes }) => ({ deltaBytes: deltaBytes + deltas })),
    killedBy: ['I21'],
  },
  {
    id: 's7',
    title: 'a compressed page counts as a normal one',
    system: withProgress('s7', ({ ram, compression }) => {
      const normal = Number(ram.normal) + Number(compression?.pages ?? 0)
      return { ram: { ...ram, normal, 'normal-bytes': normal * PAGE_BYTES } }
    }),
    killedBy: ['I21'],
  },
  {
    id: 'b2',
    title: 'multifd: a thread has died with a packet, and the source waits for it for ever',
    system: withDeadThread('b2'),
    killedBy: ['I9'],
  },
  {
    id: 'b4',
    title: 'multifd: a run with fewer channels goes on with the turn of the run before',
    system: withStaticTurn('b4'),
    killedBy: ['I16'],
  },
  {
    id: 'b5',
    title: 'multifd: packets are numbered in another order than they go',
    system: withChannels('b5', (channels) => ({
      give: (packet) => channels.give({ ...packet, number: packet.number ^ 3 }),
    })),
    killedBy: ['I19'],
  },
  {
    id: 'b6',
    title: 'multifd: the SYNC at the end of a part is left out',
    system: withMissingSync('b6'),
    killedBy: ['I9'],
  },
  {
    id: 'b8',
    title: 'multifd: a destination waits for ever for channels that do not come',
    system: withoutPatience('b8'),
    killedBy: ['I9'],
  },
  {
    id: 'b9',
    title: 'multifd: max-bandwidth is that of the main channel alone',
    system: withDispatch('b9', (options) => new UnlimitedChannels(options)),
    killedBy: ['I25'],
  },
  {
    id: 'b10',
    title: 'multifd: packets that only synchronise are not counted',
    system: withUncountedSync('b10'),
    killedBy: ['I21'],
  },
]
