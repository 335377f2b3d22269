/**
 * Live progress of a migration for a person: one line that is repainted on a terminal, plain lines in a log. The percentage
 * never goes backwards: a new pass finds new dirty pages, but what has been achieved stays achieved.
 */
import type { MigrationInfo } from '../qapi/index.ts'
import { formatBytes } from './units.ts'

/** How often a log without a terminal gets a line. */
const LOG_PERIOD_MILLIS = 1000

/** Share of the work that is done, 0 to 100; 100 only when it is. */
export class Percent {
  #best = 0

  next(info: MigrationInfo): number {
    if (info.status === 'completed') return (this.#best = 100)
    const { ram } = info
    if (ram === undefined || Number(ram.total) === 0) return this.#best
    const now = Math.floor(100 * (1 - Number(ram.remaining) / Number(ram.total)))
    this.#best = Math.max(this.#best, Math.min(99, now))
    return this.#best
  }
}

const timeLeft = (info: MigrationInfo): string => {
  const { ram } = info
  if (ram === undefined || ram.mbps === 0) return '?'
  const bytesPerSecond = (ram.mbps * 1e6) / 8
  const gain = bytesPerSecond - Number(ram['dirty-pages-rate']) * Number(ram['page-size'])
  if (gain <= 0) return 'does not converge'
  return `${(Number(ram.remaining) / gain).toFixed(1)} s`
}

/** One line, below 80 columns. */
export const progressLine = (info: MigrationInfo, percent: number): string => {
  const { ram } = info
  const status = (info.status ?? 'none').padEnd(14)
  if (ram === undefined) return `${status} ${String(percent).padStart(3)} %`
  const dirty = Number(ram['dirty-pages-rate']) * Number(ram['page-size'])
  return [
    `${status}${String(percent).padStart(3)} %`,
    `pass ${ram['dirty-sync-count']}`,
    `sent ${formatBytes(Number(ram.transferred))}`,
    `left ${formatBytes(Number(ram.remaining))}`,
    `dirty ${formatBytes(dirty)}/s`,
    `${formatBytes((ram.mbps * 1e6) / 8)}/s`,
    timeLeft(info),
  ].join(' ')
}

/** Shows progress on stderr. */
export class ProgressDisplay {
  readonly #percent = new Percent()
  readonly #terminal = process.stderr.isTTY === true
  #lastMillis = -Infinity
  #lastStatus: string | undefined

  show(info: MigrationInfo, nowMillis: number): void {
    const line = progressLine(info, this.#percent.next(info))
    if (this.#terminal) {
      process.stderr.write(`\r${line.slice(0, 79).padEnd(79)}`)
      return
    }
    if (info.status === this.#lastStatus && nowMillis - this.#lastMillis < LOG_PERIOD_MILLIS) return
    this.#lastStatus = info.status
    this.#lastMillis = nowMillis
    process.stderr.write(`${line}\n`)
  }

  end(): void {
    if (this.#terminal) process.stderr.write('\n')
  }
}
