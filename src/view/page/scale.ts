/** The horizontal axis that lanes, plots and the heat map share: time, or the order of the messages. */
import type { Moment } from '../time-line.ts'

/** What part of the axis is seen. */
export interface Window {
  readonly from: number
  readonly to: number
}

export type AxisKind = 'time' | 'order'

/** Positions of moments on an axis, and back. */
export class Scale {
  readonly kind: AxisKind
  private readonly moments: readonly Moment[]

  constructor(kind: AxisKind, moments: readonly Moment[]) {
    this.kind = kind
    this.moments = moments
  }

  /** The whole axis, with a little room at both ends. */
  get whole(): Window {
    const from = this.kind === 'order' ? 0 : (this.moments[0]?.seconds ?? 0)
    const to = this.kind === 'order' ? this.moments.length - 1 : (this.moments.at(-1)?.seconds ?? 1)
    const length = Math.max(to - from, this.kind === 'order' ? 1 : 1e-3)
    return { from: from - length * 0.015, to: to + length * 0.015 }
  }

  /** Where a moment is. */
  at(index: number): number {
    if (this.kind === 'order') return index
    return this.moments[Math.min(index, this.moments.length - 1)]?.seconds ?? 0
  }

  /** Where a point of time is; between two messages on the axis of order. */
  atSeconds(seconds: number): number {
    if (this.kind === 'time') return seconds
    const next = this.firstAt(seconds)
    const [before, after] = [this.moments[next - 1]?.seconds, this.moments[next]?.seconds]
    if (before === undefined || after === undefined || after === before) return next
    return next - 1 + (seconds - before) / (after - before)
  }

  /** The first moment that is not before a point of time. */
  private firstAt(seconds: number): number {
    let low = 0
    let high = this.moments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.moments[middle]?.seconds ?? Infinity) < seconds) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The moment nearest to a position. */
  nearest(position: number): number {
    if (this.kind === 'order') return Math.max(0, Math.min(this.moments.length - 1, Math.round(position)))
    const next = this.firstAt(position)
    const [before, after] = [this.moments[next - 1]?.seconds, this.moments[next]?.seconds]
    if (after === undefined) return Math.max(0, this.moments.length - 1)
    if (before === undefined) return next
    return position - before < after - position ? next - 1 : next
  }

  /** Positions of labelled marks, about `count` of them, at round numbers. */
  ticks({ from, to }: Window, count: number): readonly number[] {
    const rough = (to - from) / Math.max(count, 1)
    const power = 10 ** Math.floor(Math.log10(rough))
    const nice = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10
    const size = Math.max(nice * power, this.kind === 'order' ? 1 : 1e-6)
    const ticks: number[] = []
    for (let tick = Math.ceil(from / size) * size; tick <= to; tick += size) ticks.push(tick)
    return ticks
  }
}

/** The window, moved and kept inside the whole. */
export const clampWindow = (window: Window, whole: Window): Window => {
  const length = Math.min(window.to - window.from, whole.to - whole.from)
  const from = Math.max(whole.from, Math.min(whole.to - length, window.from))
  return { from, to: from + length }
}
