/** `switchover stream inspect`: what is in a recorded migration, as text for people and as one JSON document. */
import { Console, Effect } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import type { BlockSummary, DeviceSummary, StreamSummary } from '../../wire/index.ts'
import { formatBytes } from '../units.ts'
import { decodeFiles, type Decoded } from './decode.ts'

interface Options {
  readonly files: readonly string[]
  readonly sections: boolean
  readonly fields: boolean
  readonly json: boolean
}

const PAGE_BYTES = 4096
/** Longest value of a field in the text. */
const VALUE_CHARACTERS_MAX = 60

/** Columns of equal width; the first is set to the left, the others to the right. */
const columns = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = rows[0]?.map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

const sum = (blocks: readonly BlockSummary[], count: (block: BlockSummary) => number): number =>
  blocks.reduce((total, block) => total + count(block), 0)

const kindOf = ({ summary, decoder, files }: Decoded): string => {
  if (decoder.main.colo !== undefined) return `COLO (${decoder.main.colo})`
  if (summary.commands.PACKAGED !== undefined) return 'postcopy'
  return files.length > 1 ? 'precopy with multifd' : 'precopy'
}

/** Figures that say how well something was compressed. */
const ratesOf = (summary: StreamSummary) => {
  const pages = (kind: keyof BlockSummary['pages']): number => sum(summary.blocks, (block) => block.pages[kind])
  const rate = (count: number, bytes: number): number | undefined =>
    bytes === 0 ? undefined : (count * PAGE_BYTES) / bytes
  const dataBytes = summary.channels.reduce((total, channel) => total + channel.dataBytes, 0)
  return {
    xbzrle: rate(pages('xbzrle'), summary.xbzrleBytes),
    compressed: rate(pages('compressed'), summary.compressedBytes),
    multifd: rate(pages('multifd'), dataBytes),
  }
}

const documentOf = (decoded: Decoded, options: Options) => {
  const { summary, decoder, files, failure } = decoded
  const { configuration } = summary
  const uuid = configuration?.uuid
  return {
    kind: kindOf(decoded),
    complete: failure === undefined,
    ...(failure === undefined ? {} : { error: failure.reason }),
    files,
    trailingBytes: decoded.trailingBytes,
    configuration:
      configuration === null || configuration === undefined
        ? null
        : { ...configuration, ...(uuid === undefined ? {} : { uuid: Buffer.from(uuid).toString('hex') }) },
    ram: {
      totalBytes: sum(summary.blocks, ({ usedLength }) => usedLength),
      rounds: summary.rounds,
      blocks: summary.blocks,
      xbzrleBytes: summary.xbzrleBytes,
      compressedBytes: summary.compressedBytes,
    },
    rates: { ...ratesOf(summary), decodedBytesPerSecond: decodedBytes(decoded) / (decoded.millis / 1000) },
    commands: summary.commands,
    channels: summary.channels.map((channel, index) => ({
      ...channel,
      compression: decoder.channels[index]?.method === 'any' ? 'none' : decoder.channels[index]?.method,
    })),
    disks: { pieces: summary.diskPieces, bitmapRecords: summary.bitmapRecords },
    devices: summary.devices.map(({ fields, ...device }) => (options.fields ? { ...device, fields } : device)),
    deviceBytes: summary.deviceBytes,
    descriptionBytes: summary.descriptionBytes,
    checkpoints: summary.checkpoints,
    ...(options.sections ? { sections: summary.sections, sectionsUnlisted: summary.sectionsUnlisted } : {}),
  }
}

const decodedBytes = ({ files }: Decoded): number => files.reduce((total, { bytes }) => total + bytes, 0)

/** Numbers of fields are bigints, as they have up to 64 bits; in JSON those beyond 2^53 are strings. */
const jsonValue = (_key: string, value: unknown): unknown => {
  if (typeof value !== 'bigint') return value
  return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value.toString()
}

const blockRows = (summary: StreamSummary): readonly (readonly string[])[] => [
  ['RAM block', 'size', 'pages', 'plain', 'zero', 'xbzrle', 'compressed', 'multifd', 'sent again'],
  ...summary.blocks.map(({ name, usedLength, pages, resent }) =>
    [
      name,
      formatBytes(usedLength),
      usedLength / PAGE_BYTES,
      pages.page,
      pages.zero,
      pages.xbzrle,
      pages.compressed,
      pages.multifd,
      resent,
    ].map(String),
  ),
]

const valueText = ({ value, size, type }: DeviceSummary['fields'][number]): string => {
  if (value === undefined) return `${size} bytes of ${type}`
  const text = typeof value === 'object' ? value.join(' ') : String(value)
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}...` : text
}

const deviceLines = ({ devices }: StreamSummary, withFields: boolean): readonly string[] => {
  const rows = columns([
    ['device', 'instance', 'version', 'section', 'bytes', 'fields'],
    ...devices.map(({ idstr, instance, version, id, bytes, fields, guessed }) => [
      idstr,
      ...[instance, version, id, bytes].map(String),
      guessed ? '(end guessed)' : String(fields.length),
    ]),
  ])
  if (!withFields) return rows
  return rows.flatMap((row, index) => [
    row,
    ...(devices[index - 1]?.fields ?? []).map((field) => `    ${field.path} ${valueText(field)}`),
  ])
}

const rateLine = (summary: StreamSummary): string | undefined => {
  const parts = Object.entries(ratesOf(summary)).flatMap(([kind, rate]) =>
    rate === undefined ? [] : [`${kind} ${rate.toFixed(2)} to 1`],
  )
  return parts.length === 0 ? undefined : `rates: ${parts.join(', ')}`
}

const textOf = (decoded: Decoded, options: Options): string => {
  const { summary, files, failure, millis } = decoded
  const { configuration, commands } = summary
  const read = decodedBytes(decoded)
  const lines = [
    `${files.map(({ path }) => path).join(', ')}: ${kindOf(decoded)}, ${failure === undefined ? 'whole' : 'NOT WHOLE'}`,
    `machine ${configuration?.machine ?? '(no configuration section)'}${capabilitiesText(configuration)}`,
    `${formatBytes(read)} read, ${formatBytes(sum(summary.blocks, ({ usedLength }) => usedLength))} of RAM in ` +
      `${summary.rounds} rounds, decoded at ${(read / 1e6 / millis).toFixed(2)} GB/s`,
    ...(decoded.trailingBytes > 0 ? [`${decoded.trailingBytes} bytes behind the end, ignored`] : []),
    '',
    ...columns(blockRows(summary)),
    ...(rateLine(summary) === undefined ? [] : [`${rateLine(summary)}`]),
    ...channelLines(decoded),
    ...(summary.diskPieces > 0 ? [`disks: ${summary.diskPieces} pieces of 1 MiB`] : []),
    ...(summary.bitmapRecords > 0 ? [`dirty bitmaps of disks: ${summary.bitmapRecords} records`] : []),
    ...(Object.keys(commands).length > 0
      ? [
          `commands: ${Object.entries(commands)
            .map(([name, count]) => `${name} ${count}`)
            .join(', ')}`,
        ]
      : []),
    ...(summary.checkpoints > 0 ? [`checkpoints: ${summary.checkpoints}`] : []),
    '',
    ...(summary.devices.length > 0 ? deviceLines(summary, options.fields) : ['no device sections']),
    ...(options.sections ? ['', ...sectionLines(summary)] : []),
  ]
  return lines.join('\n')
}

const capabilitiesText = (configuration: StreamSummary['configuration']): string => {
  const { capabilities = [], uuid } = configuration ?? {}
  return [
    ...(capabilities.length > 0 ? [`, capabilities ${capabilities.join(' ')}`] : []),
    ...(uuid === undefined ? [] : [`, uuid ${Buffer.from(uuid).toString('hex')}`]),
  ].join('')
}

const channelLines = ({ summary, decoder }: Decoded): readonly string[] =>
  summary.channels.map(({ id, packets, syncs, pages, dataBytes }, index) => {
    const method = decoder.channels[index]?.method
    return (
      `channel ${id}: ${packets} packets, ${syncs} with SYNC, ${pages} pages in ${formatBytes(dataBytes)}, ` +
      `compression ${method === 'any' ? 'none' : method}`
    )
  })

const sectionLines = ({ sections, sectionsUnlisted }: StreamSummary): readonly string[] => [
  ...columns([
    ['section', 'name', 'offset', 'pages'],
    ...sections.map(({ type, name, offset, pages }) => [type, name, String(offset), pages === 0 ? '' : String(pages)]),
  ]),
  ...(sectionsUnlisted > 0 ? [`and ${sectionsUnlisted} more`] : []),
]

const run = Effect.fn('stream.inspect')(function* (options: Options) {
  const decoded = yield* decodeFiles(options.files)
  yield* Console.log(options.json ? JSON.stringify(documentOf(decoded, options), jsonValue) : textOf(decoded, options))
  if (decoded.failure !== undefined) return yield* decoded.failure
})

/** Files of one recorded migration. */
export const recordingArgument = Argument.String('recording').pipe(
  Argument.withDescription(
    'a recorded stream, gzipped or not, or - for standard input; with multifd the main file and those of the channels ' +
      '(X.main.bin finds X.ch0.bin and so on by itself)',
  ),
  Argument.variadic({ min: 1 }),
)

export const inspect = Command.make(
  'inspect',
  {
    files: recordingArgument,
    sections: Flag.Boolean('sections').pipe(
      Flag.withDescription('list every section and command with its place'),
      Flag.withDefault(false),
    ),
    fields: Flag.Boolean('fields').pipe(
      Flag.withDescription('list the fields of every device, with their values'),
      Flag.withDefault(false),
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  (options) => Effect.scoped(run(options)),
).pipe(
  Command.withDescription(
    'Say what is in a recorded migration: RAM blocks, pages by kind, devices with sizes and fields',
  ),
)
