/**
 * The secondary's half of a checkpoint, in the engine that received the first stream: messages are told as they come,
 * pages and devices put aside, and only when all of it is here and the core says so does any of it become the guest's.
 */
import { ChannelError } from '../../channel/byte-link.ts'
import { ColoDecoder, StreamError, type ColoMessage, type StreamDecoder, type StreamSink } from '../../wire/index.ts'
import { canArrive, travelling } from '../arrival.ts'
import { runStateOf, splitDevices, type DeviceState } from '../dialect.ts'
import type { IncomingOrder, IncomingReport } from '../order.ts'

/** Where pages are put aside. */
export interface StagedMemory {
  /** Nothing is put aside; what is in use is the primary's memory. */
  begin(): void
  /** Puts all of it in use. */
  apply(): void
  /** There will be no more. */
  end(): void
}

/** What a receiver is made for. */
export interface CheckpointReceiverOptions {
  readonly copy: StagedMemory
  /** Has decoded the first stream, which announced COLO, into a sink that now goes on with this receiver's. */
  readonly first: StreamDecoder
  readonly sink: StreamSink
  readonly report: (news: IncomingReport) => void
  /** Reads what comes behind the first stream. Default: one is made. */
  readonly decoder?: ColoDecoder
  /** 7.2: takes apart all devices of a checkpoint; a text says what is wrong. Default: those of our guests. */
  readonly devicesOf?: (bytes: Uint8Array) => readonly DeviceState[] | string
}

/** What a primary may say, and how that is told. */
const facts: Partial<Record<ColoMessage['name'], IncomingReport['type'] & `incoming.${string}`>> = {
  'checkpoint-request': 'incoming.checkpoint-request',
  'vmstate-send': 'incoming.vmstate-send',
  'vmstate-size': 'incoming.vmstate-size',
}

type Patience = Pick<Extract<IncomingOrder, { type: 'lock-step' }>, 'patienceMillis' | 'idleMillis'>

export class CheckpointReceiver {
  readonly #copy: StagedMemory
  readonly #report: (news: IncomingReport) => void
  readonly #decoder: ColoDecoder
  readonly #first: StreamDecoder
  readonly #devicesOf: NonNullable<CheckpointReceiverOptions['devicesOf']>
  #devices: DeviceState[] = []
  #patience: Patience = { patienceMillis: Infinity, idleMillis: Infinity }
  /** When something came last, or the checkpoint was put in use. */
  #heardMillis = 0
  #isStaged = false

  /** The guest's memory must be the primary's, and stand still. */
  constructor({
    copy,
    first,
    sink,
    report,
    decoder = new ColoDecoder(sink, first),
    devicesOf = splitDevices,
  }: CheckpointReceiverOptions) {
    this.#copy = copy
    this.#devicesOf = devicesOf
    this.#report = report
    this.#first = first
    this.#decoder = decoder
    copy.begin()
  }

  /** All of a checkpoint is here and not yet in use. */
  get isStaged(): boolean {
    return this.#isStaged
  }

  get position(): number {
    return this.#decoder.position
  }

  /** From now on the primary may be silent for so long. */
  begin(patience: Patience, nowMillis: number): void {
    this.#patience = patience
    this.#heardMillis = nowMillis
  }

  /** @throws StreamError */
  feed(bytes: Uint8Array, start: number, end: number): number {
    return this.#decoder.feed(bytes, start, end)
  }

  /** Something has come. */
  heard(nowMillis: number): void {
    this.#heardMillis = nowMillis
  }

  /** Nothing comes for now. @throws ChannelError where that has been so for too long. */
  silent(nowMillis: number): void {
    const { patienceMillis, idleMillis } = this.#patience
    // What this side takes its time for is not the primary's silence.
    if (this.#isStaged) this.#heardMillis = nowMillis
    const most = this.#decoder.isBetween ? idleMillis : patienceMillis
    if (nowMillis - this.#heardMillis < most) return
    throw new ChannelError('read', 'ETIMEDOUT', `the primary has said nothing for ${most} ms`)
  }

  hear(message: ColoMessage): void {
    if (message.name === 'checkpoint-request') this.#devices = []
    const type = facts[message.name]
    if (type !== undefined) this.#report({ type } as IncomingReport)
  }

  /** 2.11: a device of the stream that a checkpoint is. */
  takeDevice(device: DeviceState): void {
    this.#devices.push(device)
  }

  /** 7.2: all devices of a checkpoint. */
  takeDevices(bytes: Uint8Array): void {
    const devices = this.#devicesOf(bytes)
    if (typeof devices === 'string')
      throw new StreamError(this.#decoder.position, 'Bad devices of a checkpoint', 'known devices', devices)
    this.#devices = [...devices]
    this.#complete()
  }

  /** The end mark: of the memory of a checkpoint (7.2), or of all of it (2.11). */
  end(): void {
    if (this.#first.colo === '2.11') this.#complete()
  }

  #complete(): void {
    const state = this.#devices.find(({ idstr }) => idstr === 'globalstate')
    const runState = state === undefined ? undefined : runStateOf(state.payload)
    if (!canArrive(runState))
      throw new StreamError(this.#decoder.position, 'Checkpoint without a run state', travelling, String(runState))
    this.#isStaged = true
    this.#report({ type: 'staged', devices: this.#devices, runState })
    this.#devices = []
  }

  /** Puts the memory of the checkpoint in use. */
  apply(): void {
    if (!this.#isStaged) return
    this.#copy.apply()
    this.#isStaged = false
    this.#report({ type: 'applied' })
  }

  close(): void {
    this.#copy.end()
  }
}
