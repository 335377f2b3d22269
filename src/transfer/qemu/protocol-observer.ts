/**
 * Holds what passes between two QEMUs against the charts: two cores, one for each side, are told what the wire shows of
 * theirs. A fact that a chart does not take in its state is a violation, and says at which byte. Nothing is carried out.
 */
import {
  describeState,
  incomingStatus,
  outgoingStatus,
  start,
  step,
  type CoreState,
  type IncomingNews,
  type OutgoingNews,
} from '../../core/index.ts'
import { silentSink, type Command, type ReturnPathMessage, type StreamSink } from '../../wire/index.ts'

/** One thing that no chart allows. */
export interface ProtocolViolation {
  readonly side: 'source' | 'destination'
  /** The fact that was not taken, or the refusal of a command. */
  readonly what: string
  /** Where the chart of that side was. */
  readonly state: string
  /** Place in the stream of the source. */
  readonly offset: number
}

export interface ProtocolVerdict {
  readonly verdict: 'conforms' | 'violates'
  /** Where each side has come to. */
  readonly source: string
  readonly destination: string
  readonly violations: readonly ProtocolViolation[]
}

/** Violations that are kept; more say nothing new. */
const VIOLATIONS_MAX = 16
const URI = 'tcp:relay:0'
const PROFILE = '7.2'

export class ProtocolObserver {
  #source: CoreState
  #destination: CoreState
  readonly #violations: ProtocolViolation[] = []
  readonly #offset: () => number
  #returnPath = false
  #postcopy: 'none' | 'advised' | 'asked' | 'sent' = 'none'
  #colo = false
  #started = false
  #settingUp = false
  #inDevices = false

  /** `offset` gives the place in the stream of what the sink is told. */
  constructor(offset: () => number) {
    this.#offset = offset
    this.#source = start({ profile: PROFILE })
    this.#destination = start({ profile: PROFILE, incoming: 'defer' })
  }

  /** For the decoder of the source's stream. */
  readonly sink: StreamSink = {
    ...silentSink,
    header: () => {
      this.#order('destination', 'migrate-incoming', { uri: URI })
      this.#incoming({ type: 'incoming.bound', uri: URI })
      this.#incoming({ type: 'incoming.connected' })
    },
    sectionStart: () => this.#begin(),
    ramEos: () => {
      if (!this.#settingUp) return
      this.#settingUp = false
      this.#outgoing({ type: 'outgoing.setup-done', setupMillis: 0 })
    },
    command: (command) => this.#command(command),
    sectionEnd: () => {
      if (this.#postcopy === 'none' || this.#postcopy === 'advised') this.#converge()
    },
    deviceTail: () => this.#flush(),
    packageEnd: () => this.#giveLeave(),
    end: () => this.#end(),
  }

  get verdict(): ProtocolVerdict {
    return {
      verdict: this.#violations.length === 0 ? 'conforms' : 'violates',
      source: outgoingStatus(this.#source),
      destination: incomingStatus(this.#destination),
      violations: this.#violations,
    }
  }

  /** What the destination answers. */
  answer(message: ReturnPathMessage): void {
    if (message.name !== 'SHUT') return
    if (message.value === 0) this.#outgoing({ type: 'outgoing.loaded' })
    else this.#outgoing({ type: 'outgoing.failed', reason: `SHUT ${message.value}`, side: 'destination' })
  }

  /** The channel between the two is no more, before either was through. */
  lost(reason: string): void {
    if (this.#started) this.#outgoing({ type: 'outgoing.failed', reason, side: 'channel' })
    this.#incoming({ type: 'incoming.lost', reason, side: 'channel' })
  }

  #violated(side: ProtocolViolation['side'], what: string, state: CoreState): void {
    if (this.#violations.length >= VIOLATIONS_MAX) return
    this.#violations.push({ side, what, state: describeState(state), offset: this.#offset() })
  }

  #order(side: ProtocolViolation['side'], name: string, args: object): void {
    const before = side === 'source' ? this.#source : this.#destination
    const [next, outputs] = step(before, { type: 'command', name, arguments: args, nowMillis: 0 })
    if (side === 'source') this.#source = next
    else this.#destination = next
    for (const output of outputs) if (output.type === 'refusal') this.#violated(side, `${name}: ${output.desc}`, before)
  }

  #outgoing(news: OutgoingNews): void {
    const before = this.#source
    const [next, outputs] = step(before, { type: 'fact', fact: { ...news, run: 1 }, nowMillis: 0 })
    this.#source = next
    if (outputs.some(({ type }) => type === 'unexpected')) this.#violated('source', news.type, before)
  }

  #incoming(news: IncomingNews): void {
    const before = this.#destination
    const [next, outputs] = step(before, { type: 'fact', fact: { ...news, run: 1 }, nowMillis: 0 })
    this.#destination = next
    if (outputs.some(({ type }) => type === 'unexpected')) this.#violated('destination', news.type, before)
  }

  /** The first section: which capabilities the source has on is known by now. */
  #begin(): void {
    if (this.#started) return
    this.#started = true
    this.#settingUp = true
    const on = {
      events: true,
      'return-path': this.#returnPath,
      'postcopy-ram': this.#postcopy === 'advised',
      'x-colo': this.#colo,
    }
    const capabilities = Object.entries(on).map(([capability, state]) => ({ capability, state }))
    this.#order('source', 'migrate-set-capabilities', { capabilities })
    this.#order('source', 'migrate', { uri: URI })
    this.#outgoing({ type: 'outgoing.connected', returnPath: this.#returnPath || this.#colo })
  }

  #command(command: Command): void {
    switch (command.name) {
      case 'OPEN_RETURN_PATH':
        this.#returnPath = true
        break
      case 'ENABLE_COLO':
        this.#colo = true
        break
      case 'POSTCOPY_ADVISE':
        if (command.pageSizes === undefined) break
        this.#postcopy = 'advised'
        this.#incoming({ type: 'incoming.advised' })
        break
      case 'POSTCOPY_RAM_DISCARD':
        this.#switchToPostcopy()
        break
      case 'POSTCOPY_LISTEN':
        this.#switchToPostcopy()
        this.#postcopy = 'sent'
        this.#incoming({ type: 'incoming.listening' })
        break
      case 'POSTCOPY_RUN':
        this.#incoming({ type: 'incoming.running' })
        break
      default:
    }
  }

  #switchToPostcopy(): void {
    if (this.#postcopy !== 'advised') return
    this.#postcopy = 'asked'
    this.#order('source', 'migrate-start-postcopy', {})
    this.#outgoing({ type: 'outgoing.postcopy' })
    this.#incoming({ type: 'incoming.discarding' })
  }

  /** A source of QEMU does not wait until the package is loaded: the leave to run is in it. */
  #giveLeave(): void {
    this.#outgoing({ type: 'outgoing.prepared' })
    this.#outgoing({ type: 'outgoing.package-sent' })
  }

  #converge(): void {
    this.#outgoing({ type: 'outgoing.converged' })
  }

  /** All but the end mark has passed; a source of QEMU does not ask whether it is loaded. */
  #flush(): void {
    if (this.#inDevices || this.#colo) return
    this.#inDevices = true
    this.#outgoing({ type: 'outgoing.flushed' })
    if (this.#returnPath) this.#outgoing({ type: 'outgoing.prepared' })
    this.#incoming({ type: 'incoming.prepared' })
  }

  #end(): void {
    if (this.#postcopy !== 'sent') this.#flush()
    this.#incoming({ type: 'incoming.ended', running: true })
    if (!this.#returnPath) this.#outgoing({ type: 'outgoing.committed' })
  }
}
