/**
 * The figures of a run, between what an engine reports and what `query-migrate` tells. Counters that 7.2 has and a report
 * is silent about are worked out here from those it has.
 */
import {
  toInteger,
  type Integer,
  type MigrationStats,
  type MigrationStats72,
  type XBZRLECacheStats,
  type XBZRLECacheStats72,
} from '../qapi/index.ts'
import { hasQuirk, isOn, outgoingStatus, runState, type CoreState, type OutgoingRun } from './core-state.ts'
import type { PhaseBytes, Progress, XbzrleFigures } from './fact.ts'

const nothingSent: PhaseBytes = { precopyBytes: 0, downtimeBytes: 0, postcopyBytes: 0 }

/** Attributes what was sent since the last report, as 7.2 does at each write: by what the guest does now. */
const attributed = (state: CoreState, run: OutgoingRun, ram: MigrationStats): PhaseBytes => {
  const before = run.figures?.phases ?? nothingSent
  const bytes = ram.transferred as number
  const more = Math.max(0, bytes - before.precopyBytes - before.downtimeBytes - before.postcopyBytes)
  if (runState(state) === 'running') return { ...before, precopyBytes: before.precopyBytes + more }
  return outgoingStatus(state).startsWith('postcopy-')
    ? { ...before, postcopyBytes: before.postcopyBytes + more }
    : { ...before, downtimeBytes: before.downtimeBytes + more }
}

const pagesOf = (ram: MigrationStats | undefined): number =>
  ram === undefined ? 0 : Number(ram.normal) + Number(ram.duplicate)

const pageRate = (run: OutgoingRun, ram: MigrationStats, nowMillis: number): number => {
  const passed = nowMillis - (run.figures?.reportedMillis ?? run.startedMillis)
  if (passed <= 0) return run.figures?.pagesPerSecond ?? 0
  return Math.max(0, Math.floor(((pagesOf(ram) - pagesOf(run.ram)) * 1000) / passed))
}

/** Members that a report may have or not, as it has them. */
const extras = ['multifdBytes', 'xbzrle', 'disk', 'compression'] as const

/** The run with a report noted. */
export const noteProgress = (state: CoreState, run: OutgoingRun, report: Progress, nowMillis: number): OutgoingRun => {
  const { ram, expectedDowntimeMillis } = report
  const given = extras.flatMap((name) => (report[name] === undefined ? [] : [[name, report[name]] as const]))
  return {
    ...run,
    ram,
    expectedDowntimeMillis,
    figures: {
      ...Object.fromEntries(given),
      reportedMillis: nowMillis,
      phases: report.phases ?? attributed(state, run, ram),
      pagesPerSecond: report.pagesPerSecond ?? pageRate(run, ram, nowMillis),
    },
  }
}

const sum = (a: number | bigint, b: number | bigint | undefined): number => Number(a) + Number(b ?? 0)

/** Quirk s5: the counters go on from those of earlier runs. */
const accumulated = (state: CoreState, ram: MigrationStats): MigrationStats => {
  const before = hasQuirk(state, 's5') ? state.countedBefore : undefined
  if (before === undefined) return ram
  const names = ['transferred', 'duplicate', 'normal', 'normal-bytes', 'dirty-sync-count', 'postcopy-requests'] as const
  return { ...ram, ...Object.fromEntries(names.map((name) => [name, sum(ram[name], before[name])])) }
}

/** The counters of the runs so far, which a new run goes on from under quirk s5. */
export const countedSoFar = (state: CoreState): { readonly countedBefore?: MigrationStats } => {
  const ram = state.outgoing?.ram
  return hasQuirk(state, 's5') && ram !== undefined ? { countedBefore: accumulated(state, ram) } : {}
}

/** The number that a pass of this run has for the manager. */
export const passNumber = (state: CoreState, pass: number): number =>
  hasQuirk(state, 's5') ? sum(pass, state.countedBefore?.['dirty-sync-count']) : pass

const recentStats = (stats: MigrationStats, figures: OutgoingRun['figures']): MigrationStats72 => {
  const { phases = nothingSent, multifdBytes = 0, pagesPerSecond = 0 } = figures ?? {}
  return {
    ...stats,
    'multifd-bytes': multifdBytes,
    'pages-per-second': pagesPerSecond,
    'precopy-bytes': phases.precopyBytes,
    'downtime-bytes': phases.downtimeBytes,
    'postcopy-bytes': phases.postcopyBytes,
    'dirty-sync-missed-zero-copy': 0,
  }
}

/** The size that is set for the XBZRLE cache, as the signed integer that the schema makes of it. */
export const cacheSize = (state: CoreState): Integer => {
  const value = state.parameters['xbzrle-cache-size']
  return typeof value === 'number' || typeof value === 'bigint' ? toInteger(BigInt.asIntN(64, BigInt(value))) : 0
}

const noXbzrle: XbzrleFigures = {
  deltas: 0,
  deltaBytes: 0,
  unchanged: 0,
  overflow: 0,
  cacheMiss: 0,
  cacheMissRate: 0,
  encodingRate: 0,
}

/** Header of a record that names no block. */
const HEADER_BYTES = 8
const PAGE_BYTES = 4096

/**
 * 2.11 counts the pages that went out as differences, and their records. 7.2 counts the pages that were cached, whatever
 * came of it, and what came of it: no headers, and a page for one that went whole (reference of the semantics, 8.1).
 */
const xbzrleCache = (state: CoreState, run: OutgoingRun): XBZRLECacheStats | XBZRLECacheStats72 => {
  const { deltas, deltaBytes, unchanged, ...others } = run.figures?.xbzrle ?? noXbzrle
  const { overflow, cacheMiss, cacheMissRate, encodingRate } = others
  const common = {
    'cache-size': cacheSize(state),
    'cache-miss': cacheMiss,
    'cache-miss-rate': cacheMissRate,
    overflow,
  }
  if (state.profile !== '7.2') return { ...common, pages: deltas, bytes: deltaBytes }
  return {
    ...common,
    pages: deltas + unchanged + overflow,
    bytes: deltaBytes - deltas * HEADER_BYTES + overflow * PAGE_BYTES,
    'encoding-rate': encodingRate,
  }
}

const noCompression = { pages: 0, busy: 0, 'busy-rate': 0, 'compressed-size': 0, 'compression-rate': 0 }

/** Quirk s8: 2.11 takes a compressed page for one that was sent whole. */
const withCompressed = (state: CoreState, run: OutgoingRun, ram: MigrationStats): MigrationStats => {
  const pages = hasQuirk(state, 's8') ? (run.figures?.compression?.pages ?? 0) : 0
  const normal = sum(ram.normal, pages)
  return { ...ram, normal, 'normal-bytes': normal * Number(ram['page-size']) }
}

/** The members of `query-migrate` with counters, for a run that is under way or completed. */
export const counters = (state: CoreState, run: OutgoingRun) => {
  const ram = run.ram === undefined ? undefined : accumulated(state, withCompressed(state, run, run.ram))
  const recent = state.profile === '7.2'
  return {
    ...(ram === undefined ? {} : { ram: recent ? recentStats(ram, run.figures) : ram }),
    ...(isOn(state, 'xbzrle') ? { 'xbzrle-cache': xbzrleCache(state, run) } : {}),
    ...(recent && isOn(state, 'compress') ? { compression: run.figures?.compression ?? noCompression } : {}),
  }
}

const noStats: MigrationStats = {
  transferred: 0,
  remaining: 0,
  total: 0,
  duplicate: 0,
  skipped: 0,
  normal: 0,
  'normal-bytes': 0,
  'dirty-pages-rate': 0,
  mbps: 0,
  'dirty-sync-count': 0,
  'postcopy-requests': 0,
  'page-size': 0,
}

/** Those that are there only while a run is under way: the disks still listed, and the throttle if it is on. */
export const passing = (state: CoreState, run: OutgoingRun) => {
  const { disk } = run.figures ?? {}
  const { percentage } = run.throttle
  const stats = { ...noStats, ...disk }
  return {
    ...(disk === undefined ? {} : { disk: state.profile === '7.2' ? recentStats(stats, undefined) : stats }),
    ...(percentage === 0 ? {} : { 'cpu-throttle-percentage': percentage }),
  }
}
