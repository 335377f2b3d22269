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
  if (info.status === 'completed') return ''
  if (ram === undefined || ram.mbps === 0) return '?'
  const bytesPerSecond = (ram.mbps * 1e6) / 8
  const gain = bytesPerSecond - Number(ram['dirty-pages-rate']) * Number(ram['page-size'])
  if (gain <= 0) return 'never'
  const seconds = Number(ram.remaining) / gain
  return seconds < 1000 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`
}

/** Widths of the columns: together 79, the longest status and the longest number of bytes in them. */
const widths = [16, 6, 5, 11, 11, 11, 11, 8] as const

const columns = (cells: readonly string[]): string =>
  cells
    .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index] ?? 0)))
    .join('')
    .trimEnd()

/** What stands over the lines of progress. */
export const progressHead = columns(['status', 'done', 'pass', 'sent', 'left', 'dirty/s', 'sent/s', 'to go'])

/** One line, below 80 columns; the same columns in every line, so that a log reads as a table. */
export const progressLine = (info: MigrationInfo, percent: number): string => {
  const { ram } = info
  const done = `${percent} %`
  if (ram === undefined) return columns([info.status ?? 'none', done])
  return columns([
    info.status ?? 'none',
    done,
    String(ram['dirty-sync-count']),
    formatBytes(Number(ram.transferred)),
    formatBytes(Number(ram.remaining)),
    formatBytes(Number(ram['dirty-pages-rate']) * Number(ram['page-size'])),
    formatBytes((ram.mbps * 1e6) / 8),
    timeLeft(info),
  ])
}

/** Shows progress on stderr. */
export class ProgressDisplay {
  readonly #percent = new Percent()
  readonly #terminal = process.stderr.isTTY === true
  #lastMillis = -Infinity
  #lastStatus: string | undefined
  #hasHead = false

  show(info: MigrationInfo, nowMillis: number): void {
    const line = progressLine(info, this.#percent.next(info))
    if (!this.#hasHead) process.stderr.write(`${progressHead}\n`)
    this.#hasHead = true
    if (this.#terminal) {
      // One column is left free: a terminal that is full to the last wraps, and the next repaint begins a line too low.
      const room = Math.max(1, Math.min(79, (process.stderr.columns ?? 80) - 1))
      process.stderr.write(`\r${line.slice(0, room).padEnd(room)}`)
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
