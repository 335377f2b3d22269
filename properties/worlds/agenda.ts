/** What may happen next in a world of cores, in the order in which it came up; whoever runs the world picks. */
import type { Party } from '../observation.ts'

/** Something that may happen: a fact for a party, and what else the world does with it. */
export interface Pending<Channel> {
  readonly to: Party
  readonly what: string
  /** The channel that it travels on; gone with it when that is cut. */
  readonly channel?: Channel
  /** Part of what a party's data plane is at, which an interruption ends; or a timer, which only a pick lets pass. */
  readonly work?: 'own' | 'timer'
  readonly happen: () => void
}

/** See the head of this file. */
export class Agenda<Channel> {
  #all: readonly Pending<Channel>[] = []

  add(pending: Pending<Channel>): void {
    this.#all = [...this.#all, pending]
  }

  /** What may be picked: on a channel, in each direction, only what comes first. */
  get choosable(): readonly Pending<Channel>[] {
    return this.#all.filter(
      (each, place) =>
        each.channel === undefined ||
        this.#all.findIndex((other) => other.channel === each.channel && other.to === each.to) === place,
    )
  }

  /** What happens by itself when nobody picks. */
  get next(): Pending<Channel> | undefined {
    return this.choosable.find(({ work }) => work !== 'timer')
  }

  has(isMeant: (pending: Pending<Channel>) => boolean): boolean {
    return this.#all.some(isMeant)
  }

  /** Takes something off the list; it is for the caller to let it happen. */
  take(pending: Pending<Channel>): void {
    this.drop((each) => each === pending)
  }

  drop(isMeant: (pending: Pending<Channel>) => boolean): void {
    this.#all = this.#all.filter((each) => !isMeant(each))
  }
}
