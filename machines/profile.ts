/**
 * The two inputs every chart is built from: which QEMU's behaviour it describes, and which of that QEMU's known
 * defects it reproduces. Without quirks a chart is the safe one, which the invariants hold for.
 */

/** The version of QEMU whose statuses and edges a chart has. `2.11` is the schema's own and the default. */
export type Profile = '2.11' | '7.2'

/** A known defect of a real QEMU that a chart reproduces when it is switched on. */
export interface Quirk {
  /**
   * `q…`: a defect of QEMU 2.11 known from its history; `h…`: one that was seen live; `s…`: where the schema's text says
   * one thing and QEMU's code does another, or an answer does what it denies.
   */
  readonly id: string
  /** The profiles in which the real QEMU shows it. */
  readonly profiles: readonly Profile[]
  /** What is seen, in one sentence. */
  readonly title: string
  /** The invariants that it breaks. */
  readonly breaks: readonly string[]
  /** The upstream commit that mended it, where there is one. */
  readonly fixedBy?: string
  /** It shows in figures and arguments only, which no chart knows: the core has it, the validation of traces does not ask. */
  readonly coreOnly?: true
  /** It explains recordings; no process of ours can show it. */
  readonly recordingsOnly?: true
}

/**
 * The deviations that the charts and the validation of traces know, as data: the one list that code, tests and
 * documentation share. The numbering follows the public bug catalogue of the project.
 */
export const quirks = [
  {
    id: 'q1',
    profiles: ['2.11'],
    title: 'a refused migrate-set-capabilities is applied all the same',
    breaks: ['I8'],
    fixedBy: 'dd0ee30cae',
  },
  {
    id: 'q2',
    profiles: ['2.11'],
    title: 'a second migrate-incoming answers an error and listens all the same',
    breaks: ['I8', 'I7'],
    fixedBy: '603d5a42d3',
  },
  {
    id: 'q3',
    profiles: ['2.11'],
    title: 'migrate-set-capabilities is accepted in cancelling and colo',
    breaks: ['I8'],
  },
  {
    id: 'q6',
    profiles: ['2.11', '7.2'],
    title: 'failed is published without a reason',
    breaks: ['I11'],
    fixedBy: '3d661c8ab1',
  },
  {
    id: 'q7',
    profiles: ['2.11', '7.2'],
    title: 'a cancel is accepted in postcopy-active and kills the guest on both sides',
    breaks: ['I6', 'I2'],
  },
  {
    id: 'q8',
    profiles: ['2.11', '7.2'],
    title: 'migrate_cancel in colo answers success, changes no status and breaks the pair',
    breaks: ['I6'],
  },
  {
    id: 'q9',
    profiles: ['2.11'],
    title: 'a failover that is asked for while COLO is being entered is answered with success and lost',
    breaks: ['I28'],
  },
  {
    id: 'q10',
    profiles: ['2.11'],
    title: 'a failover after a checkpoint that could not be loaded waits for that load for ever',
    breaks: ['I28', 'I9'],
    fixedBy: '92c932de6c',
  },
  {
    id: 'q11',
    profiles: ['2.11'],
    title: 'a pair that has come apart waits for ever and tells nobody',
    breaks: ['I9', 'I13'],
    fixedBy: '9ecff6d66e',
  },
  {
    id: 'q12',
    profiles: ['2.11'],
    title: 'the guest of a secondary that took over stays stopped',
    breaks: ['I29'],
    fixedBy: 'db00972922',
  },
  {
    id: 'q13',
    profiles: ['2.11', '7.2'],
    title: 'completed is readable before total-time and downtime are set',
    breaks: ['I12'],
    fixedBy: '4af246a34e',
  },
  {
    id: 'q14',
    profiles: ['2.11'],
    title: 'migrate is accepted in run state postmigrate, where the images are already released',
    breaks: ['I3', 'I7'],
    fixedBy: '36d0fe6516',
  },
  {
    id: 'q15',
    profiles: ['2.11'],
    title: 'cont is accepted while the guest is stopped for the migration',
    breaks: ['I1', 'I4', 'I5'],
    fixedBy: '9183dd1533',
  },
  {
    id: 'h1',
    profiles: ['2.11', '7.2'],
    title: 'a cancel after the last byte is accepted: the source runs on although the destination has started',
    breaks: ['I1', 'I4', 'I6'],
  },
  {
    id: 'h2',
    profiles: ['7.2'],
    title: 'a cancel in postcopy-paused or postcopy-recover stays cancelling for ever',
    breaks: ['I6', 'I9'],
  },
  {
    id: 'h3',
    profiles: ['7.2'],
    title: 'a cancel in pre-switchover on the way to postcopy leaves the guest in postmigrate',
    breaks: ['I2'],
  },
  {
    id: 'h4',
    profiles: ['2.11', '7.2'],
    title: 'a guest that the user had stopped comes out of a cancelled or failed switchover as postmigrate',
    breaks: ['I2', 'I7'],
  },
  { id: 'h5', profiles: ['7.2'], title: 'a cancelled migration ends failed', breaks: ['I6'], fixedBy: 'c3c5eae6ac' },
  { id: 'h6', profiles: ['7.2'], title: 'failed is emitted twice', breaks: ['I13'] },
  { id: 'h7', profiles: ['7.2'], title: 'each repeated cancel emits cancelling again', breaks: ['I13'] },
  {
    id: 'h8',
    profiles: ['7.2'],
    title: 'migrate on a side that is busy answers an error and still moves the status to setup',
    breaks: ['I8', 'I9'],
  },
  {
    id: 'h10',
    profiles: ['2.11', '7.2'],
    title: 'without a return path the source completes although the destination refused the stream: nobody runs',
    breaks: ['I2'],
  },
  {
    id: 'h11',
    profiles: ['2.11'],
    title: 'postcopy on the source only: the destination completes at once with an empty guest',
    breaks: ['I15', 'I32'],
    fixedBy: '875fcd013a',
    recordingsOnly: true,
  },
  {
    id: 'h12',
    profiles: ['2.11'],
    title: 'a stream that ends early in postcopy counts as complete: the destination runs with pages missing',
    breaks: ['I15'],
    fixedBy: '7a9ddfbfae',
  },
  {
    id: 'h14',
    profiles: ['2.11'],
    title: 'a cancel during connect, where the connect then fails, stays cancelling for ever',
    breaks: ['I6', 'I9'],
    fixedBy: 'cce8040bb0',
  },
  {
    id: 'h15',
    profiles: ['2.11'],
    title: 'x-colo with pause-before-switchover stays in device for ever while the guest runs',
    breaks: ['I9'],
  },
  {
    id: 'h18',
    profiles: ['2.11', '7.2'],
    title: 'max-bandwidth 1 to 9 means unlimited',
    breaks: ['I25'],
    coreOnly: true,
  },
  {
    id: 'h19',
    profiles: ['2.11', '7.2'],
    title: 'a guest whose COLO pair has come apart runs on, also when the other side is told to take over',
    breaks: ['I1', 'I28'],
  },
  {
    id: 'h20',
    profiles: ['7.2'],
    title: 'x-colo with pause-before-switchover: the source completes, the destination enters colo',
    breaks: ['I28'],
    recordingsOnly: true,
  },
  {
    id: 'h21',
    profiles: ['2.11', '7.2'],
    title: 'postcopy starts a guest that the user had stopped on the source',
    breaks: ['I2'],
    recordingsOnly: true,
  },
  {
    id: 'h22',
    profiles: ['7.2'],
    title: 'migrate within milliseconds of completed is started over the run that still winds down',
    breaks: ['I7', 'I10'],
  },
  {
    id: 'h26',
    profiles: ['2.11'],
    title: 'the source guest is started again after a failed postcopy, although the destination may run it',
    breaks: ['I1', 'I4'],
    fixedBy: '7287cbd46e',
  },
  {
    id: 'h27',
    profiles: ['2.11', '7.2'],
    title: 'a failure while the destination takes over is taken for a failed one: the source runs on',
    breaks: ['I1', 'I4'],
  },
  {
    id: 'h29',
    profiles: ['2.11', '7.2'],
    title: 'stop is forgotten while the guest is stopped for the migration: a cancel runs it again',
    breaks: ['I2'],
  },
  {
    id: 'h30',
    profiles: ['2.11', '7.2'],
    title: 'COLO runs a guest that the user has stopped, when it begins and at each checkpoint',
    breaks: ['I2'],
  },
  {
    id: 's1',
    profiles: ['2.11'],
    title: 'migrate-set-cache-size refuses what is no power of two instead of rounding it down',
    breaks: [],
    coreOnly: true,
  },
  {
    id: 's2',
    profiles: ['2.11'],
    title: 'a migrate with blk that names no transport leaves the capability block on',
    breaks: ['I8'],
    coreOnly: true,
  },
  {
    id: 's3',
    profiles: ['2.11', '7.2'],
    title: 'a refused migrate-incoming publishes setup all the same',
    breaks: ['I8', 'I13'],
    coreOnly: true,
  },
  {
    id: 's4',
    profiles: ['2.11'],
    title: 'an XBZRLE cache of -2^63 bytes is accepted',
    breaks: ['I8'],
    coreOnly: true,
  },
  {
    id: 's5',
    profiles: ['2.11'],
    title: 'the RAM counters and the pass count of a run go on from those of the run before',
    breaks: ['I7'],
    coreOnly: true,
  },
  {
    id: 's6',
    profiles: ['2.11', '7.2'],
    title: 'a new xbzrle-cache-size during a run is told and has no effect',
    breaks: [],
    coreOnly: true,
  },
  {
    id: 's7',
    profiles: ['7.2'],
    title: 'multifd-zlib-level and multifd-zstd-level are accepted, whatever they are, and forgotten',
    breaks: [],
    coreOnly: true,
  },
  {
    id: 's8',
    profiles: ['2.11'],
    title: 'pages that were sent compressed count as normal ones',
    breaks: ['I21'],
    fixedBy: '980a19a929',
    coreOnly: true,
  },
  {
    id: 's9',
    profiles: ['7.2'],
    title: 'with multifd-compression pages count with the bytes that they had before',
    breaks: ['I21'],
    coreOnly: true,
    recordingsOnly: true,
  },
  {
    id: 's10',
    profiles: ['2.11'],
    title: 'x-multifd opens no channel and moves no page',
    breaks: [],
    coreOnly: true,
  },
] as const satisfies readonly Quirk[]

/** The identifier of a quirk that the charts or the validation know. */
export type QuirkId = (typeof quirks)[number]['id']

/** What a chart is built from. */
export interface ChartOptions {
  /** Default `2.11`. */
  readonly profile?: Profile
  /** Default none: the safe chart. */
  readonly quirks?: ReadonlySet<QuirkId>
}

/** Options with the defaults filled in, and short questions the chart files ask of them. */
export interface ChartVariant {
  readonly profile: Profile
  readonly quirks: ReadonlySet<QuirkId>
  readonly has: (quirk: QuirkId) => boolean
  readonly recent: boolean
}

/** Fills in the defaults of {@link ChartOptions}. */
export const variantOf = (options: ChartOptions = {}): ChartVariant => {
  const profile = options.profile ?? '2.11'
  const chosen = options.quirks ?? new Set<QuirkId>()
  return { profile, quirks: chosen, has: (quirk) => chosen.has(quirk), recent: profile === '7.2' }
}
