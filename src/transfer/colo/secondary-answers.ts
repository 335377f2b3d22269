/** What a secondary says to its primary, told as it comes; and how long it may say nothing when something is awaited. */
import { ChannelError, type ByteLink } from '../../channel/byte-link.ts'
import {
  COLO_MESSAGE_BYTES_MAX,
  readColoMessage,
  StreamError,
  type ColoMessage,
  type ColoMessageName,
} from '../../wire/index.ts'
import type { OutgoingReport } from '../order.ts'

const READ_BYTES = 1024

/** What a secondary may say, and how that is told. */
const answers: Partial<Record<ColoMessageName, OutgoingReport['type'] & `outgoing.${string}`>> = {
  'checkpoint-ready': 'outgoing.colo-ready',
  'checkpoint-reply': 'outgoing.checkpoint-reply',
  'vmstate-received': 'outgoing.vmstate-received',
  'vmstate-loaded': 'outgoing.vmstate-loaded',
}

export class SecondaryAnswers {
  readonly #report: (news: OutgoingReport) => void
  readonly #patienceMillis: number
  readonly #bytes = new Uint8Array(READ_BYTES)
  #held = 0
  #received = 0
  /** Since when an answer is awaited. */
  #waitingMillis: number | undefined

  /** An answer is awaited from now on: that it is ready. */
  constructor(report: (news: OutgoingReport) => void, patienceMillis: number, nowMillis: number) {
    this.#report = report
    this.#patienceMillis = patienceMillis
    this.#waitingMillis = nowMillis
  }

  /** Something was said that has an answer. */
  await(nowMillis: number): void {
    this.#waitingMillis = nowMillis
  }

  /**
   * Hears what the secondary has said.
   * @throws StreamError on an answer that is none, ChannelError where the other side is gone.
   */
  listen(link: ByteLink, nowMillis: number): void {
    for (;;) {
      const count = link.read(this.#bytes, this.#held, READ_BYTES)
      if (count < 0) throw new ChannelError('read', 'EOF', 'the secondary closed the channel')
      if (count === 0) return
      this.#received += count
      const end = this.#held + count
      let at = 0
      for (
        let message = readColoMessage(this.#bytes, at, end);
        message !== undefined;
        message = readColoMessage(this.#bytes, at, end)
      ) {
        this.#hear(message, nowMillis)
        at += 4
      }
      this.#bytes.copyWithin(0, at, end)
      this.#held = end - at
      if (this.#held >= COLO_MESSAGE_BYTES_MAX) throw this.#unknown('more than a message')
    }
  }

  /** Nothing is to be done but to wait. @throws ChannelError where an answer is overdue. */
  checkPatience(nowMillis: number): void {
    if (this.#waitingMillis === undefined || nowMillis - this.#waitingMillis < this.#patienceMillis) return
    throw new ChannelError('read', 'ETIMEDOUT', `the secondary has not answered for ${this.#patienceMillis} ms`)
  }

  #hear(message: ColoMessage | number, nowMillis: number): void {
    if (typeof message === 'number') throw this.#unknown(`${message}`)
    const type = answers[message.name]
    if (type === undefined) throw this.#unknown(message.name)
    this.#waitingMillis = message.name === 'vmstate-received' ? nowMillis : undefined
    this.#report({ type } as OutgoingReport)
  }

  #unknown(found: string): StreamError {
    return new StreamError(this.#received, 'Unexpected COLO message', 'an answer of a secondary', found)
  }
}
