/**
 * A recorded Linux guest that writes an access log, moved by each of the ways a page can go: what XBZRLE and compression make
 * of real contents, in how many passes and with what downtime. SWITCHOVER_GUESTS names the directory of the recording.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Benchmark } from './benchmark.ts'
import type { Contender, Figure } from './contender.ts'
import { numberAt } from './document.ts'
import type { Result } from './series.ts'
import { summarize } from './statistics.ts'
import { switchoverWith } from './switchover.ts'
import { align } from './table.ts'

/** So slow that the guest writes while its memory is sent; 2.11's own default. */
const MAX_BANDWIDTH = '32M'
const DOWNTIME_LIMIT_MILLIS = 20

const directory = (): string => join(process.env['SWITCHOVER_GUESTS'] ?? '', 'linux-log')

const by = (name: string, ...capabilities: readonly string[]): Contender => {
  const limits = ['--max-bandwidth', MAX_BANDWIDTH, '--downtime-limit', `${DOWNTIME_LIMIT_MILLIS}`]
  const on = capabilities.flatMap((capability) => ['--capability', capability])
  const ours = switchoverWith(
    () => [...limits, ...on],
    name,
    () => `image:${directory()}`,
  )
  return {
    ...ours,
    available: async (options) =>
      process.env['SWITCHOVER_GUESTS'] === undefined || !existsSync(directory())
        ? 'SWITCHOVER_GUESTS does not name a directory with the recording linux-log'
        : ours.available(options),
  }
}

const plain = by('plain')

const median = (values: readonly number[]): number => summarize(values)?.median ?? Number.NaN

const medianOf = ({ figures }: Result, value: (figure: Figure) => number): number => median(figures.map(value))

/** Bytes of the pages that went as differences to those of their records. */
const xbzrleRatio = ({ document }: Figure): number | undefined => {
  if (typeof document !== 'object' || document === null || !('xbzrle-cache' in document)) return undefined
  const bytes = numberAt(document, 'xbzrle-cache', 'bytes')
  return bytes === 0 ? undefined : (numberAt(document, 'xbzrle-cache', 'pages') * 4096) / bytes
}

const rowOf = (result: Result, plainBytes: number | undefined): readonly string[] => {
  if (result.figures.length === 0) return [result.name, ...result.failures.slice(0, 1)]
  const bytes = medianOf(result, (figure) => figure.bytes)
  const ratios = result.figures.map(xbzrleRatio).filter((ratio) => ratio !== undefined)
  return [
    result.name,
    (bytes / 2 ** 20).toFixed(1),
    plainBytes === undefined ? '-' : (plainBytes / bytes).toFixed(2),
    ratios.length === 0 ? '-' : median(ratios).toFixed(1),
    medianOf(result, ({ document }) => numberAt(document, 'ram', 'dirty-sync-count')).toFixed(0),
    medianOf(result, ({ totalMillis }) => totalMillis).toFixed(0),
    medianOf(result, ({ downtimeMillis = 0 }) => downtimeMillis).toFixed(0),
    medianOf(result, ({ cpuSeconds }) => cpuSeconds).toFixed(2),
    result.figures.every(({ verified }) => verified === true) ? 'yes' : 'NO',
  ]
}

const HEADINGS = ['', 'MiB sent', 'ratio', 'xbzrle', 'passes', 'total ms', 'downtime', 'CPU s', 'verified']

const render = (results: readonly Result[]): string => {
  const base = results.find(({ name, figures }) => name === plain.name && figures.length > 0)
  const plainBytes = base === undefined ? undefined : medianOf(base, ({ bytes }) => bytes)
  return [
    `A recorded Linux guest of 96 MiB, at most ${MAX_BANDWIDTH} bytes a second; medians`,
    '',
    ...align([HEADINGS, ...results.map((result) => rowOf(result, plainBytes))]),
    '',
    'ratio: bytes that a plain run sends to those sent. xbzrle: pages that went as differences to their records.',
    ...results.flatMap(({ name, unavailable }) =>
      unavailable === undefined ? [] : [`${name}: left out: ${unavailable}`],
    ),
  ].join('\n')
}

export const linuxLog: Benchmark = {
  name: 'linux-log',
  summary: 'a recorded Linux guest by every way its pages can go: ratios, passes, downtime',
  size: '96M',
  contenders: [
    plain,
    by('xbzrle', 'xbzrle'),
    by('compress', 'compress'),
    by('both', 'compress', 'xbzrle'),
    by('x-multifd', 'x-multifd'),
  ],
  render,
}
