/** What a comparison leaves out, and what it does not. */
import t from 'tap'
import { compare, type Difference } from './compare.ts'
import { DESTINATION } from './step.ts'
import type { CallOutcome, PartyRest, StepOutcome, Transcript } from './transcript.ts'

const migrate = { name: 'migrate', arguments: { uri: DESTINATION } }
const active: PartyRest = { status: 'active', members: ['ram', 'status'], runState: 'running' }

const outcome = (changes: Partial<CallOutcome> = {}, events: readonly string[] = ['MIGRATION setup'], rest = active) =>
  ({
    step: { do: 'call', to: 'source', call: migrate },
    calls: [{ call: migrate, answer: { type: 'return', value: {} }, eventsBefore: ['MIGRATION setup'], ...changes }],
    events: { src: events },
    rest: { source: rest, unsettled: false },
  }) satisfies StepOutcome

const transcript = (...steps: readonly StepOutcome[]): Transcript => ({ system: '', steps, parties: [], lastWords: '' })

const kinds = (qemu: StepOutcome, double: StepOutcome): readonly Difference['kind'][] =>
  compare(transcript(qemu), transcript(double), () => undefined).differences.map(({ kind }) => kind)

t.same(kinds(outcome(), outcome()), [], 'equal')

t.same(
  kinds(
    outcome({}, ['MIGRATION setup', 'MIGRATION_PASS', 'MIGRATION_PASS', 'STOP']),
    outcome({}, ['MIGRATION setup', 'MIGRATION_PASS', 'STOP']),
  ),
  [],
  'how many passes there were is left out',
)

const refused = (desc: string) => ({ answer: { type: 'error', class: 'GenericError', desc } }) as const
t.same(
  kinds(
    outcome(refused("Failed to connect to '/a/migration-0.sock': No such file")),
    outcome(refused("Failed to connect to '/b/c/migration-0.sock': No such file")),
  ),
  [],
  'where sockets are is left out',
)

t.same(kinds(outcome(refused('one')), outcome(refused('two'))), ['answer'], 'a text')
t.same(kinds(outcome(), outcome({ eventsBefore: [] })), ['order'], 'an event that comes after the answer')
t.same(kinds(outcome(), outcome({}, ['STOP', 'MIGRATION setup'])), ['events'], 'an event')
t.same(kinds(outcome(), outcome({}, undefined, { ...active, runState: 'paused' })), ['rest'], 'a run state')
t.same(kinds(outcome(), outcome({}, undefined, { ...active, members: ['status'] })), ['members'], 'a member')

t.test('a difference that parts ends the comparison, what follows from it is not told', (t) => {
  const other = outcome(refused('not here'), [], { ...active, status: 'none' })
  const { differences, ended } = compare(transcript(outcome(), outcome()), transcript(other, outcome()), ({ kind }) =>
    kind === 'answer' ? 'parts' : undefined,
  )
  t.same(
    differences.map(({ kind }) => kind),
    ['answer'],
  )
  t.equal(ended, 'parted')
  t.end()
})

t.test('after a race both may stand elsewhere', (t) => {
  const race = (rest: PartyRest): StepOutcome => ({
    ...outcome({}, undefined, active),
    step: { do: 'race', to: 'source', calls: [migrate, { name: 'migrate_cancel' }] },
    rest: { source: rest, unsettled: false },
  })
  const lost = race({ ...active, status: 'cancelled' })
  const result = compare(transcript(race(active), outcome()), transcript(lost, outcome(refused('x'))), () => undefined)
  t.same(result, { differences: [], compared: 0, ended: 'race' })
  t.end()
})
