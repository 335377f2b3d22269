/**
 * Every command in every state that a process can be in, and what the core answers: one table a profile, as text. It is
 * checked in, so that a change of behaviour is seen as a difference of lines.
 */
import type { Profile } from '../../machines/index.ts'
import { outgoingStatus, serialise, type CoreState } from './core-state.ts'
import type { CoreOutput } from './output.ts'
import { reach, scenarios, type Scenario, type ScenarioVariant } from './scenarios.ts'

/** One line of the table: a command with one set of arguments. */
export interface TableRow {
  readonly name: string
  /** The arguments, or how they follow from the state. Default none. */
  readonly given?: unknown
  readonly givenFor?: (state: CoreState) => unknown
  /** What is said about the arguments. */
  readonly label?: string
  /** Switched on beforehand. */
  readonly capabilities?: readonly string[]
}

const uri = 'tcp:host:4444'
const propertiesFor = (profile: Profile, props: object): object => (profile === '7.2' ? props : { props })
const switched = (capability: string, state: boolean) => ({ capabilities: [{ capability, state }] })

/** The lines: each command with what it is usually given, and what else is worth a look. */
export const rows: readonly TableRow[] = [
  { name: 'migrate', given: { uri } },
  { name: 'migrate', given: { uri, blk: true }, label: 'blk' },
  { name: 'migrate', given: { uri: 'bogus:1' }, label: 'no transport' },
  { name: 'migrate', given: { uri: 'tcp:host' }, label: 'no port' },
  { name: 'migrate', given: { uri: 'fd:nobody' }, label: 'unknown fd' },
  { name: 'migrate', given: {}, label: 'no uri' },
  { name: 'migrate', given: { uri, resume: true }, label: 'resume' },
  { name: 'migrate_cancel' },
  { name: 'migrate-continue', givenFor: (state) => ({ state: outgoingStatus(state) }), label: 'current' },
  {
    name: 'migrate-continue',
    givenFor: (state) => ({ state: outgoingStatus(state) === 'active' ? 'device' : 'active' }),
    label: 'another',
  },
  { name: 'migrate-start-postcopy', capabilities: ['postcopy-ram'], label: 'on' },
  { name: 'migrate-start-postcopy', label: 'off' },
  { name: 'migrate-pause' },
  { name: 'query-migrate' },
  { name: 'migrate-incoming', given: { uri: 'tcp:127.0.0.1:0' } },
  { name: 'migrate-incoming', given: { uri: 'bogus:1' }, label: 'no transport' },
  { name: 'migrate-recover', given: { uri: 'tcp:127.0.0.1:0' } },
  { name: 'migrate-set-capabilities', given: switched('xbzrle', true) },
  { name: 'migrate-set-capabilities', given: { capabilities: [] }, label: 'nothing' },
  {
    name: 'migrate-set-capabilities',
    given: {
      capabilities: [
        { capability: 'postcopy-ram', state: true },
        { capability: 'compress', state: true },
      ],
    },
    label: 'conflict',
  },
  { name: 'migrate-set-capabilities', given: switched('bogus', true), label: 'unknown' },
  { name: 'query-migrate-capabilities' },
  { name: 'migrate-set-parameters', given: { 'downtime-limit': 100 } },
  { name: 'migrate-set-parameters', given: { 'x-checkpoint-delay': 200 }, label: 'checkpoints' },
  { name: 'migrate-set-parameters', given: { 'downtime-limit': 2_000_001 }, label: 'out of range' },
  { name: 'migrate-set-parameters', given: { 'downtime-limit': 'x' }, label: 'wrong type' },
  { name: 'query-migrate-parameters' },
  { name: 'migrate_set_downtime', given: { value: 0.1 } },
  { name: 'migrate_set_speed', given: { value: 1_000_000 } },
  { name: 'migrate-set-cache-size', given: { value: 1_048_576 } },
  { name: 'query-migrate-cache-size' },
  { name: 'client_migrate_info', given: { protocol: 'spice', hostname: 'host' } },
  { name: 'client_migrate_info', given: { protocol: 'vnc', hostname: 'host' }, label: 'vnc' },
  { name: 'x-colo-lost-heartbeat' },
  { name: 'query-colo-status' },
  { name: 'xen-save-devices-state', given: { filename: '/file' } },
  { name: 'xen-set-replication', given: { enable: true, primary: true } },
  { name: 'xen-set-replication', given: { enable: true, primary: true, failover: false }, label: 'failover' },
  { name: 'query-xen-replication-status' },
  { name: 'xen-colo-do-checkpoint' },
  {
    name: 'object-add',
    givenFor: ({ profile }) => ({
      'qom-type': 'tls-creds-x509',
      id: 'tls',
      ...propertiesFor(profile, { dir: '/tls' }),
    }),
  },
  { name: 'object-del', given: { id: 'tls' } },
  { name: 'query-status' },
  { name: 'getfd', given: { fdname: 'name' } },
  { name: 'add-fd' },
  { name: 'closefd', given: { fdname: 'name' } },
  { name: 'stop' },
  { name: 'cont' },
  { name: 'system_powerdown' },
  { name: 'system_reset' },
]

/** What an answer comes to. */
export type Cell =
  { readonly kind: 'ok' | 'flag' | 'nothing' | 'answer' | 'later' } | { readonly kind: 'error'; readonly text: string }

/** What a command does in a state: whether it is answered, and whether anything but an answer comes of it. */
export const judge = (before: CoreState, after: CoreState, outputs: readonly CoreOutput[]): Cell => {
  const refusal = outputs.find((output) => output.type === 'refusal')
  if (refusal !== undefined) return { kind: 'error', text: `${refusal.class}: ${refusal.desc}` }
  if (outputs.some(({ type }) => type === 'deferred')) return { kind: 'later' }
  const isSilent = outputs.every(({ type }) => type === 'reply')
  if (isSilent && serialise(before) === serialise(after)) {
    const reply = outputs.find((output) => output.type === 'reply')
    return { kind: JSON.stringify(reply?.value) === '{}' ? 'nothing' : 'answer' }
  }
  const context = { ...after, chart: { ...after.chart, context: before.chart.context } }
  return { kind: isSilent && serialise(context) === serialise(before) ? 'flag' : 'ok' }
}

/** The answer to a line of the table in a state. */
export const cellOf = (row: TableRow, scenario: Scenario, variant: ScenarioVariant = {}): Cell => {
  const capabilities = row.capabilities?.filter((one) => !scenario.capabilities?.includes(one)) ?? []
  const core = reach(scenario, { options: { replication: [] }, ...variant, capabilities })
  const [after, outputs] = core.try(row.name, row.givenFor?.(core.state) ?? row.given)
  return judge(core.state, after, outputs)
}

const words = { ok: 'ok', flag: 'fl', nothing: '-', answer: 'a', later: 'ok~' } as const

const label = (row: TableRow): string => (row.label === undefined ? row.name : `${row.name} (${row.label})`)

/** The table of one profile, with its legend. */
export const commandTable = (profile: Profile): string => {
  const columns = scenarios(profile)
  const errors: string[] = []
  const shown = (cell: Cell): string => {
    if (cell.kind !== 'error') return words[cell.kind]
    if (!errors.includes(cell.text)) errors.push(cell.text)
    return `E${errors.indexOf(cell.text) + 1}`
  }
  const width = Math.max(...rows.map((row) => label(row).length))
  const line = (first: string, cells: readonly string[]): string =>
    [first.padEnd(width), ...cells.map((cell) => cell.padEnd(3))].join(' ').trimEnd()
  const lines = rows.map((row) =>
    line(
      label(row),
      columns.map((scenario) => shown(cellOf(row, scenario, { profile }))),
    ),
  )
  return [
    `Every command in every state, ${profile}`,
    '',
    ...columns.map(({ side, name }, index) => `${String(index + 1).padStart(3)}  ${side}: ${name}`),
    '',
    line(
      '',
      columns.map((_, index) => String(index + 1)),
    ),
    ...lines,
    '',
    'ok   accepted, with an effect',
    'ok~  accepted; answered by a later fact',
    'fl   accepted; remembered, and nothing else now',
    '-    accepted, without an effect',
    'a    a question, answered',
    ...errors.map((text, index) => `${`E${index + 1}`.padEnd(4)} ${text}`),
    '',
  ].join('\n')
}
