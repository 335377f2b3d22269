/**
 * The checked-in table of commands against the core, and the core against the acceptance matrix of QEMU 2.11 (reference of
 * the semantics, 4.16). `SWITCHOVER_UPDATE=1` writes the table anew; review the difference.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { statusesOf, type QuirkId } from '../../machines/index.ts'
import { commands } from '../qapi/index.ts'
import { cellOf, commandTable, rows, type Cell } from './command-table.ts'
import { commandNames } from './command.ts'
import { incomingStatus, outgoingStatus } from './core-state.ts'
import { reach, scenarios } from './scenarios.ts'

const profiles = ['2.11', '7.2'] as const
const file = new URL('command-table.txt', import.meta.url)

t.test('the table is that of the core', async (t) => {
  const made = profiles.map(commandTable).join('\n\n')
  if (process.env['SWITCHOVER_UPDATE'] === '1') writeFileSync(file, made)
  t.equal(readFileSync(file, 'utf8'), made, 'SWITCHOVER_UPDATE=1 writes it anew')
})

t.test('the table has every command of the schema and every status of the charts', async (t) => {
  for (const profile of profiles) {
    const named = new Set(rows.map(({ name }) => name))
    for (const name of Object.keys(commands[profile])) t.ok(named.has(name), `${profile} ${name}`)
    for (const name of commandNames(profile, { replication: true }))
      if (name !== 'quit') t.ok(named.has(name), `${profile} ${name}`)
    const reached = scenarios(profile).map((scenario) => ({ ...scenario, core: reach(scenario, { profile }) }))
    for (const { side, name, core } of reached) {
      const status = { outgoing: outgoingStatus, incoming: incomingStatus, guest: undefined }[side]?.(core.state)
      if (status !== undefined) t.equal(name.split(' ')[0], status, `${profile} ${side}: ${name}`)
    }
    const seen = new Set(reached.map(({ core }) => outgoingStatus(core.state)))
    t.strictSame(
      statusesOf(profile).filter((status) => !seen.has(status)),
      [],
    )
  }
})

const statuses = [
  'none',
  'setup',
  'active',
  'postcopy-active',
  'pre-switchover',
  'device',
  'cancelling',
  'cancelled',
  'completed',
  'failed',
  'colo',
] as const

/** 4.16, a column a status: o accepted with effect, n accepted without, E refused, a dot where it cannot be met. */
const matrix: readonly (readonly [row: string, cells: string])[] = [
  ['migrate', 'oEEEEEEoooE'],
  ['migrate-set-capabilities', 'oEEEEEooooo'],
  ['migrate-set-parameters', 'ooooooooooo'],
  ['migrate_set_downtime', 'ooooooooooo'],
  ['migrate_set_speed', 'ooooooooooo'],
  ['migrate-set-cache-size', 'ooooooooooo'],
  ['migrate-start-postcopy (on)', 'Eoonnnnnnnn'],
  ['migrate-start-postcopy (off)', 'EEE.EEEEEEE'],
  ['migrate_cancel', 'nooooonnnno'],
  ['migrate-continue (current)', 'nnnnonnnnnn'],
  ['migrate-continue (another)', 'EEEEEEEEEEE'],
  ['x-colo-lost-heartbeat', 'EEEEEEEEEEo'],
]

/** Where the safe core answers otherwise, why, and the quirk with which it answers as 2.11 does. */
const deviations: readonly { row: string; status: string; cell: string; quirk: QuirkId; because: string }[] = [
  {
    row: 'migrate-set-capabilities',
    status: 'cancelling',
    cell: 'E',
    quirk: 'q3',
    because: 'a run that is being let go still looks at its capabilities',
  },
  {
    row: 'migrate-set-capabilities',
    status: 'colo',
    cell: 'E',
    quirk: 'q3',
    because: 'switching x-colo or events off under COLO leaves half a pair',
  },
  {
    row: 'migrate',
    status: 'completed',
    cell: 'E',
    quirk: 'q14',
    because: 'the images are with the destination; cont takes them back first',
  },
  {
    row: 'migrate_cancel',
    status: 'postcopy-active',
    cell: 'E',
    quirk: 'q7',
    because: 'the guest runs on the destination with pages that only this side has',
  },
  {
    row: 'migrate_cancel',
    status: 'colo',
    cell: 'E',
    quirk: 'q8',
    because: 'success without a change of status, and the pair is broken',
  },
]

const letter = (cell: Cell, wanted: string | undefined): string => {
  if (wanted === '.') return '.'
  if (cell.kind === 'error') return 'E'
  // A flag is kept in every status, and looked at in setup and active only.
  if (cell.kind === 'flag') return wanted === 'n' ? 'n' : 'o'
  return cell.kind === 'nothing' ? 'n' : 'o'
}

const answered = (name: string, quirks: readonly QuirkId[], wanted: string): string => {
  const row = rows.find((one) => (one.label === undefined ? one.name : `${one.name} (${one.label})`) === name)
  if (row === undefined) throw new Error(`expected a row ${name}`)
  return statuses
    .map((status, index) => {
      const scenario = scenarios('2.11').find((one) => one.side === 'outgoing' && one.name === status)
      if (scenario === undefined) throw new Error(`expected a scenario for ${status}`)
      return letter(cellOf(row, scenario, { quirks }), wanted[index])
    })
    .join('')
}

t.test('4.16: the safe core answers as 2.11, but for the named deviations', async (t) => {
  for (const [row, cells] of matrix) {
    const safe = [...cells]
    for (const deviation of deviations)
      if (deviation.row === row) safe[statuses.indexOf(deviation.status as 'none')] = deviation.cell
    t.equal(answered(row, [], cells), safe.join(''), row)
  }
})

t.test('4.16: with the quirks of the deviations it answers as 2.11 in every cell', async (t) => {
  const quirks = [...new Set(deviations.map(({ quirk }) => quirk))]
  for (const [row, cells] of matrix) t.equal(answered(row, quirks, cells), cells, row)
})

t.test('4.16: every deviation is needed, and is the one quirk it names', async (t) => {
  for (const { row, status, quirk } of deviations) {
    const cells = matrix.find(([name]) => name === row)?.[1] ?? ''
    const at = statuses.indexOf(status as 'none')
    t.not(answered(row, [], cells)[at], cells[at], `${row} in ${status} deviates`)
    t.equal(answered(row, [quirk], cells)[at], cells[at], `${row} in ${status} with ${quirk}`)
  }
})

t.test('8.4: where 7.2 answers otherwise', async (t) => {
  const cell = (name: string, status: string, quirks: readonly QuirkId[] = []) => {
    const row = rows.find((one) => one.name === name)
    const scenario = scenarios('7.2').find((one) => one.side === 'outgoing' && one.name === status)
    if (row === undefined || scenario === undefined) throw new Error(`expected ${name} and ${status}`)
    return cellOf({ ...row, capabilities: ['events'] }, scenario, { profile: '7.2', quirks })
  }
  t.match(cell('migrate', 'completed'), { text: /Can't migrate the vm that was paused due to previous migration/ })
  t.match(cell('migrate-set-capabilities', 'cancelling'), { text: /There's a migration process in progress/ })
  t.equal(cell('migrate-set-capabilities', 'colo').kind, 'ok')
  t.equal(cell('migrate_cancel', 'cancelling').kind, 'nothing')
  t.equal(cell('migrate_cancel', 'cancelling', ['h7']).kind, 'ok', 'emits cancelling again')
  t.match(cell('migrate', 'colo'), { kind: 'error' })
  t.match(cell('migrate', 'colo', ['h8']), { text: /duplicate yank instance/ }, 'it does not look at colo')
  t.match(cell('migrate_set_speed', 'none'), { text: /^CommandNotFound/ })
})
