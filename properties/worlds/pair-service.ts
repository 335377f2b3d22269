/**
 * The service that the guests of a COLO pair give, in a runtime world: what each guest sends is known, what of it reaches
 * the one client is held against what the client was told before, and whenever a guest is started or a checkpoint is in
 * use its memory and devices are held against the primary's and against what the guest itself computes.
 *
 * The client keeps count as TCP does: a host that begins to serve is told how far it is, and what comes again is dropped.
 */
import { Effect } from 'effect'
import type { Profile, ReplicationRole } from '../../machines/index.ts'
import type { CoreState } from '../../src/core/index.ts'
import {
  differingPages,
  guestCounter,
  type GuestMemory,
  type GuestOutput,
  type GuestOutputOptions,
  type GuestPacket,
  type WritingGuest,
} from '../../src/memory/index.ts'
import { sha256 } from '../../src/memory/node.ts'
import { NO_FIGURES, type NetworkFigures } from '../../src/transfer/colo/guest-network.ts'
import type { ComparerOptions } from '../../src/transfer/colo/packet-comparer.ts'
import type { Uplink } from '../../src/transfer/colo/uplink.ts'
import { GuestRefused, type GuestHost } from '../../src/transfer/guest-host.ts'
import type { MigrationProcessOptions } from '../../src/transfer/migration-process.ts'
import type { OutputSeen, Party, Seen } from '../observation.ts'
import { canRun, coloMode, pathOf } from '../state-view.ts'

/** How the parties of a pair are made. */
export interface ColoPlan {
  readonly profile: Profile
  /** `x-checkpoint-delay`. */
  readonly delayMillis: number
  /** Packets a second; at most the guest's operations. */
  readonly packetsPerSecond: number
  /** Every so many packets guest and copy come to differ; 0: never. */
  readonly noiseEvery: number
  /** What the secondary's guest sends goes to the primary to be compared. */
  readonly compares: boolean
  readonly comparer: ComparerOptions
  /** How long the other side may take to answer. */
  readonly patienceMillis: number
  /** `kills`: asked to, it makes sure that the other side is dead; `cannot`: it confirms nothing; `none`: there is none. */
  readonly fence: 'none' | 'kills' | 'cannot'
}

/** A plain pair that compares. */
export const defaultColoPlan: ColoPlan = {
  profile: '7.2',
  delayMillis: 90,
  packetsPerSecond: 100,
  noiseEvery: 0,
  compares: true,
  comparer: { patienceMillis: 40 },
  patienceMillis: 300,
  fence: 'none',
}

/** What the service needs of the world that it is part of. */
export interface ServiceHost {
  readonly note: (seen: Seen) => void
  readonly nowMillis: () => number
  /** A guest as it was when the source was booted, with memory of its own. */
  readonly freshGuest: () => WritingGuest
  readonly figures: (party: Party) => NetworkFigures
  /** Switches the other side of a pair off. */
  readonly kill: (by: Party) => Effect.Effect<void>
}

/** Longest that a checkpoint takes in any plan. */
const CHECKPOINT_MILLIS_MAX = 300

/** Where the clock's last reading is in block 0: of it a guest is no function. */
const NOISE = { start: 8, end: 16 } as const

const contentOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** Contents of packets by their number. */
type History = readonly string[]

/** One party's guest, and what it has sent. */
interface Performer {
  history: History
  /** When each packet was sent that this guest has sent itself, by its number. */
  readonly sentMillis: Map<number, number>
  readonly memory: GuestMemory
  readonly guest: WritingGuest
}

/** Where a COLO primary of a world listens for packets. */
export const compareUriOf = (party: Party): string => `tcp:${party}-compare:9000`

/** Whether a connection carries packets that are to be compared. */
export const isCompareUri = (uri: string): boolean => uri.includes('-compare:')

export class PairService {
  readonly #plan: ColoPlan
  readonly #host: ServiceHost
  readonly #performers = new Map<Party, Performer>()
  /** What the client was told, in order. */
  readonly #told: string[] = []
  /** What had been sent when a state was saved, by its bytes: it is part of what whoever loads it knows. */
  readonly #saved = new Map<string, History>()
  /** What the primary was when it was stopped for the last checkpoint. */
  #checkpoint: { readonly operation: number; readonly sha256: string; readonly sent: number } | undefined
  /** Packets that the last checkpoint covers which is in use. */
  #covered = 0
  #loads = 0
  readonly #figures = new Map<Party, NetworkFigures>()
  #reference: WritingGuest | undefined
  #refusesLoad = false
  #tearsLoad = false

  constructor(plan: ColoPlan, host: ServiceHost) {
    this.#plan = plan
    this.#host = host
  }

  /** What the guest of a party sends. A clock says something else in each place. */
  outputOf(index: number): GuestOutputOptions {
    const { packetsPerSecond, noiseEvery } = this.#plan
    const readClock = (): number => this.#host.nowMillis() / 1000 + index * 1_000_000
    return { packetsPerSecond, ...(noiseEvery === 0 ? {} : { noiseEvery, readClock }) }
  }

  join(party: Party, memory: GuestMemory, guest: WritingGuest): void {
    this.#performers.set(party, { history: [], sentMillis: new Map(), memory, guest })
  }

  /** Checkpoints that were put in use. */
  get loads(): number {
    return this.#loads
  }

  /** The next checkpoint cannot be loaded: nothing of it, or only its devices. */
  failLoad(how: 'intact' | 'torn'): void {
    this.#host.note({ kind: 'fault', atMillis: this.#host.nowMillis(), fault: 'load' })
    if (how === 'intact') this.#refusesLoad = true
    else this.#tearsLoad = true
  }

  /** Whether the memory of this load cannot be put in use. Asked once a load. */
  takeTear(): boolean {
    const tears = this.#tearsLoad
    this.#tearsLoad = false
    return tears
  }

  /** What a process of the pair is made with. */
  optionsOf(party: Party): Partial<MigrationProcessOptions> {
    const { profile, compares, comparer, patienceMillis, fence } = this.#plan
    return {
      profile,
      coloPatienceMillis: patienceMillis,
      network: { uplink: this.#uplink(party), comparer, ...(compares ? { compareUri: compareUriOf(party) } : {}) },
      onCheckpoint: (role) => Effect.sync(() => this.#atCheckpoint(party, role)),
      ...(fence === 'none' ? {} : { fence: this.#fence(party) }),
    }
  }

  #fence(party: Party): Effect.Effect<boolean> {
    return this.#plan.fence === 'cannot'
      ? Effect.succeed(false)
      : Effect.as(
          Effect.suspend(() => this.#host.kill(party)),
          true,
        )
  }

  /** The host of a party's guest, with what it sends and takes over watched. */
  watch(party: Party, host: GuestHost): GuestHost {
    return {
      ...host,
      onOutput: (take) =>
        host.onOutput((output) => {
          this.#sends(party, output)
          take(output)
        }),
      saveState: Effect.map(host.saveState, (bytes) => {
        this.#saved.set(contentOf(bytes), this.#performers.get(party)?.history ?? [])
        return bytes
      }),
      loadState: (bytes) =>
        Effect.suspend(() => {
          const refuses = this.#refusesLoad && this.#checkpoint !== undefined
          if (refuses) {
            this.#refusesLoad = false
            return Effect.fail(new GuestRefused({ reason: 'the state cannot be loaded' }))
          }
          return Effect.map(host.loadState(bytes), () => {
            const performer = this.#performers.get(party)
            if (performer !== undefined) performer.history = this.#saved.get(contentOf(bytes)) ?? []
          })
        }),
    }
  }

  #sends(party: Party, output: GuestOutput): void {
    const performer = this.#performers.get(party)
    if (output.kind !== 'packet' || performer === undefined) return
    performer.history = [...performer.history.slice(0, output.number), contentOf(output.bytes)]
    performer.sentMillis.set(output.number, this.#host.nowMillis())
  }

  #uplink(party: Party): Uplink {
    return {
      attach: Effect.sync(() => ({
        told: this.#told.length,
        send: (packets: readonly GuestPacket[]) => {
          const cause = this.#causeOf(party)
          for (const packet of packets) this.#hear(party, packet, cause)
        },
      })),
    }
  }

  /** What a network has counted up just now. */
  #causeOf(party: Party): OutputSeen['cause'] {
    const before = this.#figures.get(party) ?? NO_FIGURES
    const now = this.#host.figures(party)
    this.#figures.set(party, now)
    return now.agreed > before.agreed ? 'agreed' : now.covered > before.covered ? 'checkpoint' : 'open'
  }

  #hear(party: Party, { number, bytes }: GuestPacket, cause: OutputSeen['cause']): void {
    const content = contentOf(bytes)
    const told = this.#told[number]
    const fate =
      number === this.#told.length ? 'told' : told === undefined ? 'skips' : told === content ? 'again' : 'contradicts'
    if (fate === 'told') this.#told.push(content)
    this.#host.note({ kind: 'output', party, atMillis: this.#host.nowMillis(), number, content, cause, fate })
  }

  /** A party goes on alone: what the client was told is part of what its guest knows. */
  opened(party: Party): void {
    const history = this.#performers.get(party)?.history ?? []
    const number = this.#told.findIndex((content, index) => history[index] !== content)
    if (number < 0) return
    const atMillis = this.#host.nowMillis()
    this.#host.note({ kind: 'output', party, atMillis, number, content: '', cause: 'open', fate: 'lost' })
  }

  /** A guest is about to start: all of it must be of one moment of one guest. */
  started(party: Party): void {
    const performer = this.#performers.get(party)
    if (performer === undefined) return
    const wrong = this.wrongPages(party)
    this.#host.note({
      kind: 'epoch',
      party,
      atMillis: this.#host.nowMillis(),
      memory: `operation ${guestCounter(performer.memory)}${wrong.length > 0 ? `, but for ${wrong.join(', ')}` : ''}`,
      devices: `operation ${performer.guest.counter}`,
      whole: wrong.length === 0,
    })
  }

  #atCheckpoint(party: Party, role: ReplicationRole): void {
    const performer = this.#performers.get(party)
    if (performer === undefined) return
    const { guest, memory, history } = performer
    const picture = { operation: guest.counter, sha256: sha256(memory), sent: history.length }
    if (role === 'primary') {
      this.#checkpoint = picture
      return
    }
    const atMillis = this.#host.nowMillis()
    const made = this.#checkpoint
    this.#host.note({ kind: 'load', party, atMillis })
    this.#covered = picture.sent
    this.#loads++
    this.#host.note({
      kind: 'epoch',
      party,
      atMillis,
      memory: `operation ${picture.operation}, ${picture.sha256.slice(0, 8)}`,
      devices: `a primary of operation ${made?.operation}, ${made?.sha256.slice(0, 8)}`,
      whole: made?.operation === picture.operation && made.sha256 === picture.sha256 && made.sent === picture.sent,
    })
  }

  /**
   * Packets that are held although nothing holds them: their host is alone, a checkpoint covers them, or they have waited
   * for their like for longer than a checkpoint is put off.
   */
  stuck(party: Party, state: CoreState): readonly number[] {
    const sent = this.#performers.get(party)?.history.length ?? 0
    const isAlone = coloMode(state) === 'unknown' && canRun(state)
    // What the secondary has in use the primary has heard of when it is between two checkpoints.
    const isWhole = coloMode(state) === 'primary' && pathOf(state, 'colo')[2] === 'running'
    const end = isAlone ? sent : isWhole ? Math.min(sent, this.#covered) : 0
    const waiting = Array.from(
      { length: Math.max(0, sent - this.#told.length) },
      (_, index) => this.#told.length + index,
    )
    return waiting.filter((number) => number < end || (isWhole && this.#isOverdue(party, number)))
  }

  #isOverdue(party: Party, number: number): boolean {
    const { patienceMillis = Infinity } = this.#plan.comparer
    const since = this.#performers.get(party)?.sentMillis.get(number) ?? Infinity
    return this.#plan.profile === '7.2' && this.#host.nowMillis() - since > patienceMillis + CHECKPOINT_MILLIS_MAX
  }

  /** Memory is a function of seed and operations alone, but for what a clock has said; held against that. */
  wrongPages(party: Party): readonly string[] {
    const performer = this.#performers.get(party)
    if (performer === undefined) return []
    const { guest, memory } = performer
    if (this.#reference === undefined || this.#reference.counter > guest.counter)
      this.#reference = this.#host.freshGuest()
    const reference = this.#reference
    reference.advance(guest.counter - reference.counter)
    reference.memory.blocks[0]!.bytes.set(memory.blocks[0]!.bytes.subarray(NOISE.start, NOISE.end), NOISE.start)
    const wrong = differingPages(reference.memory, memory).pages.map(({ block, page }) => `${block}:${page}`)
    const kept = guest.counter === 0 ? 0 : guestCounter(memory)
    return kept === guest.counter ? wrong : [...wrong, `counter ${kept} for ${guest.counter}`]
  }
}
