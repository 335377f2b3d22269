/**
 * COLO in a world of cores: two guests that send packets to one client, the comparison of what they send, and the
 * checkpoints that make one guest the other. A guest here is nothing but what it has sent so far, once in its memory and
 * once in its devices, so that a state of mixed epochs shows at once; it is deterministic until it is told to diverge.
 *
 * The client keeps count as TCP does: what it was told before it drops, and a server that has to go on asks it how far it is.
 */
import type { Fact, Intent } from '../../src/core/index.ts'
import type { OutputSeen, Party, Seen } from '../observation.ts'

/** What one part of a guest knows. */
interface Part {
  /** Everything that the guest has sent. */
  readonly history: readonly string[]
  /** What sets it apart from a guest that started from the same state. */
  readonly lineage: string
}

/** A packet; the first a guest ever sends has number 0. */
interface Packet {
  readonly number: number
  readonly content: string
}

interface Guest {
  memory: Part
  devices: Part
  /** Sent and not let out. */
  held: readonly Packet[]
  gate: 'open' | 'held'
}

/** A checkpoint that is complete. */
interface Checkpoint {
  readonly memory: Part
  readonly devices: Part
  readonly held: readonly Packet[]
}

/** What a checkpoint is loaded from, and how far its load has got. */
interface Arrival {
  staged?: Checkpoint
  loading: boolean
}

/** What lock-step needs of the world that it is part of. */
export interface LockStepHost {
  /** Something that may happen next to a party, by itself or on the channel between the two. */
  readonly expect: (to: Party, what: string, on: 'channel' | 'own' | 'timer', happen: () => void) => void
  readonly tell: (to: Party, fact: Fact) => void
  readonly note: (seen: Seen) => void
  readonly nowMillis: () => number
  readonly isRunning: (party: Party) => boolean
  readonly run: (party: Party) => number
  /** The other end of the channel. */
  readonly peer: (party: Party) => Party | undefined
  readonly crash: (party: Party) => void
  readonly hangUp: (party: Party) => void
  /** Forgets what a party's own data plane was about to tell. */
  readonly forget: (party: Party, on: 'own' | 'timer') => void
  readonly compares: boolean
  /** Whether the migration found the guest running. */
  readonly ranBefore: (party: Party) => boolean
}

type Place = { readonly role: 'primary' | 'secondary'; readonly run: number }

const messageFacts = {
  'checkpoint-ready': 'outgoing.colo-ready',
  'checkpoint-request': 'incoming.checkpoint-request',
  'checkpoint-reply': 'outgoing.checkpoint-reply',
  'vmstate-send': 'incoming.vmstate-send',
  'vmstate-size': 'incoming.vmstate-size',
  'vmstate-received': 'outgoing.vmstate-received',
  'vmstate-loaded': 'outgoing.vmstate-loaded',
} as const

const nobody: Part = { history: [], lineage: '' }

/** See the head of this file. */
export class LockStep {
  readonly #host: LockStepHost
  readonly #guests = new Map<Party, Guest>()
  readonly #arrivals = new Map<Party, Arrival>()
  /** What the client was told, in order. */
  readonly #told: string[] = []
  /** At a primary: what the secondary's guest has sent, and what of its own the last checkpoint covers. */
  #compared: readonly Packet[] = []
  #covered = 0
  /** What of it the secondary has said to have loaded. */
  #loaded = 0
  #checkpoint: (Checkpoint & { readonly running: boolean }) | undefined
  /** The memory of a checkpoint, which is on its way before the rest of it is. */
  #saving: Part | undefined
  /** How the next load goes wrong. */
  #loadFails: 'intact' | 'torn' | undefined
  #fenceFails = false

  constructor(host: LockStepHost, first: Party) {
    this.#host = host
    this.#guests.set(first, { memory: nobody, devices: nobody, held: [], gate: 'open' })
  }

  failLoad(how: 'intact' | 'torn'): void {
    this.#note({ kind: 'fault', atMillis: this.#host.nowMillis(), fault: 'load' })
    this.#loadFails = how
  }

  failFence(on: boolean): void {
    this.#fenceFails = on
  }

  /** A running guest sends its next packet. */
  send(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest === undefined || !this.#host.isRunning(party)) return
    const { history, lineage } = guest.memory
    const packet = { number: history.length, content: `${lineage}${history.length}` }
    const grown = [...history, packet.content]
    guest.memory = { history: grown, lineage }
    guest.devices = { history: grown, lineage: guest.devices.lineage }
    if (guest.gate === 'open') return this.#letOut(party, packet, 'open')
    guest.held = [...guest.held, packet]
    const primary = this.#host.peer(party)
    if (this.#arrivals.has(party) && this.#host.compares && primary !== undefined)
      this.#host.expect(primary, 'a packet to compare', 'channel', () => {
        this.#compared = [...this.#compared, packet]
        this.#compare(primary)
      })
    else this.#compare(party)
  }

  /** A guest does something that its copy does not: it reads a clock, say. */
  diverge(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest === undefined || !this.#host.isRunning(party)) return
    const mark = `${party.at(0)}${guest.memory.history.length}.`
    guest.memory = { ...guest.memory, lineage: `${guest.memory.lineage}${mark}` }
    guest.devices = { ...guest.devices, lineage: `${guest.devices.lineage}${mark}` }
  }

  /** The oldest packet that is held has waited too long for its like. */
  lose(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest?.gate === 'held' && guest.held.length > 0 && !this.#arrivals.has(party)) this.#differs(party)
  }

  carryOut(party: Party, intent: Intent): void {
    switch (intent.type) {
      case 'enter-colo':
        return this.#enter(party, intent)
      case 'arm-checkpoint':
        this.#host.forget(party, 'timer')
        return this.#host.expect(party, 'the checkpoint delay passes', 'timer', () =>
          this.#host.tell(party, { type: 'outgoing.checkpoint-due', run: intent.run }),
        )
      case 'send-colo-message':
        return this.#message(party, intent.message)
      case 'save-checkpoint':
        return this.#host.expect(party, 'memory is saved', 'own', () => this.#save(party, intent))
      case 'send-vmstate':
        return this.#sendState(party, intent.run)
      case 'load-checkpoint':
        return this.#load(party, intent.run)
      case 'interrupt-checkpoint':
        return this.#interrupt(party, intent)
      case 'close-colo':
        return this.#host.hangUp(party)
      case 'fence':
        return this.#host.expect(party, 'the fence answers', 'own', () => this.#fence(party, intent.run))
      case 'hold-output':
        return this.#hold(party)
      case 'release-output':
        return this.#release(party)
      case 'open-output':
        return this.#open(party)
      default:
        return
    }
  }

  /** Packets of a party that are held although nothing holds them: it is alone, or a checkpoint covers them. */
  stuck(party: Party): readonly number[] {
    const guest = this.#guests.get(party)
    if (guest === undefined || this.#arrivals.has(party)) return []
    return guest.held.filter(({ number }) => guest.gate === 'open' || number < this.#loaded).map(({ number }) => number)
  }

  /** A guest is about to start: it must be one guest, all of it of one moment. */
  started(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest === undefined) return
    const { memory, devices } = guest
    const whole = memory.lineage === devices.lineage && memory.history.length === devices.history.length
    const loading = this.#arrivals.get(party)?.loading === true
    this.#host.note({
      kind: 'epoch',
      party,
      atMillis: this.#host.nowMillis(),
      memory: `${memory.lineage}/${memory.history.length}`,
      devices: `${devices.lineage}/${devices.history.length}`,
      whole: whole && !loading,
    })
  }

  /** The first full pass has made the secondary's guest the primary's. */
  #enter(party: Party, { role }: Place): void {
    if (role === 'secondary') return
    const secondary = this.#host.peer(party)
    const guest = this.#guests.get(party)
    if (secondary === undefined || guest === undefined) return
    const { memory, devices } = guest
    this.#compared = []
    const running = this.#host.ranBefore(party)
    this.#host.expect(secondary, 'the first pass is loaded', 'channel', () => {
      this.#guests.set(secondary, { memory, devices, held: [], gate: 'held' })
      this.#arrivals.set(secondary, { loading: false })
      this.#host.tell(secondary, { type: 'incoming.colo', running, run: this.#host.run(secondary) })
    })
  }

  #message(party: Party, message: keyof typeof messageFacts): void {
    const to = this.#host.peer(party)
    if (to === undefined) return
    this.#host.expect(to, message, 'channel', () => {
      if (message === 'vmstate-loaded') {
        this.#compared = []
        this.#loaded = this.#covered
      }
      this.#host.tell(to, { type: messageFacts[message], run: this.#host.run(to) } as Fact)
    })
  }

  /** Memory, then devices: a guest that moves in between is saved as none that ever was. */
  #save(party: Party, { run, runState }: Extract<Intent, { type: 'save-checkpoint' }>): void {
    const guest = this.#guests.get(party)
    if (guest === undefined) return
    const { memory } = guest
    this.#saving = memory
    this.#host.expect(party, 'devices are saved', 'own', () => {
      const { devices, held } = guest
      this.#checkpoint = { memory, devices, held, running: runState === 'running' }
      this.#covered = devices.history.length
      this.#host.tell(party, { type: 'outgoing.vmstate-saved', run })
    })
  }

  #sendState(party: Party, run: number): void {
    const to = this.#host.peer(party)
    const checkpoint = this.#checkpoint
    if (to === undefined || checkpoint === undefined) return
    this.#message(party, 'vmstate-size')
    this.#host.expect(to, 'the state', 'channel', () => {
      const arrival = this.#arrivals.get(to)
      if (arrival !== undefined) arrival.staged = checkpoint
      this.#host.tell(to, { type: 'incoming.vmstate-staged', run: this.#host.run(to) })
    })
    this.#host.expect(party, 'the state is sent', 'own', () =>
      this.#host.tell(party, { type: 'outgoing.vmstate-sent', run }),
    )
  }

  /** Memory, then devices: between the two the guest is no guest. */
  #load(party: Party, run: number): void {
    const arrival = this.#arrivals.get(party)
    const guest = this.#guests.get(party)
    const staged = arrival?.staged as (Checkpoint & { readonly running: boolean }) | undefined
    if (arrival === undefined || guest === undefined) return
    const reason = 'the state cannot be loaded'
    this.#host.expect(party, 'memory is loaded', 'own', () => {
      const fails = this.#loadFails
      this.#loadFails = undefined
      // Asked too early, a data plane has the memory and nothing else.
      if (staged === undefined) {
        guest.memory = this.#saving ?? guest.memory
        return
      }
      if (fails === 'intact') {
        delete arrival.staged
        return this.#host.tell(party, { type: 'incoming.failed', reason, side: 'destination', run })
      }
      arrival.loading = true
      guest.memory = staged.memory
      if (fails === 'torn') return this.#host.tell(party, { type: 'incoming.torn', reason, side: 'destination', run })
      return this.#host.expect(party, 'devices are loaded', 'own', () => {
        arrival.loading = false
        delete arrival.staged
        guest.devices = staged.devices
        guest.held = staged.held
        this.#host.note({ kind: 'load', party, atMillis: this.#host.nowMillis() })
        this.#host.tell(party, { type: 'incoming.vmstate-loaded', running: staged.running, run })
      })
    })
  }

  /** Whatever a data plane is at it lets go of, but a load that has begun is finished. */
  #interrupt(party: Party, { role, run }: Place): void {
    const arrival = this.#arrivals.get(party)
    if (arrival?.staged === undefined) this.#host.forget(party, 'own')
    const fact = { type: role === 'primary' ? 'outgoing.interrupted' : 'incoming.interrupted', run } as const
    this.#host.expect(party, fact.type, 'own', () => this.#host.tell(party, fact))
  }

  #fence(party: Party, run: number): void {
    const other = this.#host.peer(party)
    if (this.#fenceFails)
      return this.#host.tell(party, { type: 'failover.not-fenced', reason: 'no power switch answers', run })
    if (other !== undefined) this.#host.crash(other)
    this.#host.tell(party, { type: 'failover.fenced', run })
  }

  #hold(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest !== undefined) guest.gate = 'held'
  }

  /** What the guest had sent when it was stopped for the checkpoint leaves. */
  #release(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest === undefined) return
    const free = guest.held.filter(({ number }) => number < this.#covered)
    guest.held = guest.held.filter(({ number }) => number >= this.#covered)
    for (const packet of free) this.#letOut(party, packet, 'checkpoint')
  }

  /** A server that goes on alone asks the client how far it is. */
  #open(party: Party): void {
    const guest = this.#guests.get(party)
    if (guest === undefined) return
    this.#arrivals.delete(party)
    guest.gate = 'open'
    const free = guest.held
    guest.held = []
    const lost = this.#told.findIndex((content, number) => guest.memory.history[number] !== content)
    const atMillis = this.#host.nowMillis()
    if (lost >= 0)
      this.#note({ kind: 'output', party, atMillis, number: lost, content: '', cause: 'open', fate: 'lost' })
    for (const packet of free) if (packet.number >= this.#told.length) this.#letOut(party, packet, 'open')
  }

  #compare(primary: Party): void {
    const guest = this.#guests.get(primary)
    if (guest?.gate !== 'held' || this.#arrivals.has(primary)) return
    for (;;) {
      const [own, ...rest] = guest.held
      const like = this.#compared.find(({ number }) => number === own?.number)
      if (own === undefined || like === undefined) return
      if (like.content !== own.content) return this.#differs(primary)
      guest.held = rest
      this.#letOut(primary, own, 'agreed')
    }
  }

  #differs(primary: Party): void {
    this.#host.expect(primary, 'the output differs', 'own', () =>
      this.#host.tell(primary, { type: 'outgoing.output-differs', run: this.#host.run(primary) }),
    )
  }

  #letOut(party: Party, { number, content }: Packet, cause: OutputSeen['cause']): void {
    const told = this.#told[number]
    const fate =
      number === this.#told.length ? 'told' : told === undefined ? 'skips' : told === content ? 'again' : 'contradicts'
    if (fate === 'told') this.#told.push(content)
    this.#note({ kind: 'output', party, atMillis: this.#host.nowMillis(), number, content, cause, fate })
  }

  #note(seen: Seen): void {
    this.#host.note(seen)
  }
}
