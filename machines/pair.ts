/**
 * Two processes and what travels between them. A process on its own is `process`; this is the other half of a protocol: which
 * message carries what one chart decided to the other, and as which fact it arrives. The runtime puts these messages on the
 * wire (the question is a PING, the verdict a SHUT), a model puts them into a queue.
 */
import type { ChartEvent } from './vocabulary.ts'

/** Who sends a message. */
export type Direction = 'to-destination' | 'to-source'

/** A message of a migration. */
export interface PairMessage {
  readonly direction: Direction
  /** What it says. */
  readonly text: string
  /** The facts that its receiver's charts are told, in order; none where it depends on more than the message. */
  readonly facts: readonly ChartEvent['type'][]
}

/** What travels between a source and a destination, beside memory. */
export const pairMessages = {
  advise: { direction: 'to-destination', text: 'postcopy may come', facts: ['incoming.advised'] },
  /**
   * The PONG to the PING behind it. Postcopy does not begin before it is here: a destination that knows nothing of postcopy
   * is found out while the source can still take the guest back (I32).
   */
  ready: { direction: 'to-source', text: 'postcopy may come, I am ready', facts: [] },
  /** The PING behind all memory and devices. */
  question: {
    direction: 'to-destination',
    text: 'everything but the end mark is sent: is it loaded?',
    facts: ['incoming.prepared'],
  },
  /** Discards and devices, and the PING behind them. */
  package: {
    direction: 'to-destination',
    text: 'what to forget, and the devices: are they loaded?',
    facts: ['incoming.discarding', 'incoming.listening'],
  },
  /** POSTCOPY_RUN, and the PING behind it. A QEMU gets it in the package: the loop that reads the rest would end at it. */
  run: {
    direction: 'to-destination',
    text: 'leave to run without the rest of the memory',
    facts: ['incoming.running', 'incoming.start'],
  },
  /** RECV_BITMAP and RESUME, on a new channel (7.2). */
  resume: {
    direction: 'to-destination',
    text: 'what has arrived? go on with the rest',
    facts: ['incoming.recovered'],
  },
  'end mark': { direction: 'to-destination', text: 'the guest is yours', facts: ['incoming.ended'] },
  /** The PONG. */
  loaded: { direction: 'to-source', text: 'what was asked about is loaded', facts: ['outgoing.prepared'] },
  /** The PONG to the PING behind the leave to run. */
  'has leave': { direction: 'to-source', text: 'the guest is free to run here', facts: ['outgoing.package-sent'] },
  /** SHUT 0. */
  'runs here': { direction: 'to-source', text: 'the guest runs here', facts: ['outgoing.loaded'] },
  /** SHUT 1. */
  'gives up': {
    direction: 'to-source',
    text: 'the guest does not run here and never will',
    facts: ['outgoing.failed'],
  },
  /** Postcopy goes on: both sides know what has arrived (7.2). */
  'goes on': { direction: 'to-source', text: 'what is missing is known, go on', facts: ['outgoing.resumed'] },
  /** COLO begins behind the first full pass; what follows are its messages, by the schema's names. */
  'colo begins': {
    direction: 'to-destination',
    text: 'the first full pass is sent: follow me from here on',
    facts: ['incoming.colo'],
  },
  'checkpoint-ready': { direction: 'to-source', text: 'I follow', facts: ['outgoing.colo-ready'] },
  'checkpoint-request': {
    direction: 'to-destination',
    text: 'a checkpoint is due: stop your guest',
    facts: ['incoming.checkpoint-request'],
  },
  'checkpoint-reply': { direction: 'to-source', text: 'it stands still', facts: ['outgoing.checkpoint-reply'] },
  'vmstate-send': { direction: 'to-destination', text: 'what was written comes', facts: ['incoming.vmstate-send'] },
  'vmstate-size': { direction: 'to-destination', text: 'how much the rest is', facts: ['incoming.vmstate-size'] },
  vmstate: { direction: 'to-destination', text: 'the rest', facts: ['incoming.vmstate-staged'] },
  'vmstate-received': { direction: 'to-source', text: 'all of it is here', facts: ['outgoing.vmstate-received'] },
  'vmstate-loaded': { direction: 'to-source', text: 'it is in use', facts: ['outgoing.vmstate-loaded'] },
  /** The end of the stream, seen behind everything that arrives before it. */
  closed: { direction: 'to-destination', text: 'the channel ends here', facts: ['incoming.lost'] },
} as const satisfies Record<string, PairMessage>

/** The messages of a pair in lock-step. */
export const lockStepMessages: ReadonlySet<string> = new Set([
  'colo begins',
  'checkpoint-ready',
  'checkpoint-request',
  'checkpoint-reply',
  'vmstate-send',
  'vmstate-size',
  'vmstate',
  'vmstate-received',
  'vmstate-loaded',
])

/** The name of a message. */
export type PairMessageName = keyof typeof pairMessages
