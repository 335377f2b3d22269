/**
 * The defects that a live QEMU 7.2 is known to have, each as an invariant that a transcript breaks and a generator that
 * leads near it. Nothing is known of where it shows: sequences are made until one breaks the invariant, and then
 * shortened.
 */
import * as fc from 'fast-check'
import type { QuirkId } from '../../machines/index.ts'
import { DESTINATION, stepText, type Call, type Sequence, type Step } from './step.ts'
import type { PartyRest, Transcript } from './transcript.ts'

/** What QEMU needs for it. */
export interface DefectNeeds {
  readonly memoryMebibytes?: number
}

/** A defect that is looked for. */
export interface Defect {
  /** Its name in the table of quirks. */
  readonly quirk: QuirkId
  readonly invariant: `I${number}`
  /** The invariant's name in the catalogue of properties. */
  readonly property: string
  readonly title: string
  readonly needs: DefectNeeds
  readonly sequences: fc.Arbitrary<Sequence>
  /** How a transcript breaks the invariant, in a sentence; undefined if it does not. */
  readonly violation: (transcript: Transcript) => string | undefined
  /** How often a candidate is tried while a sequence is shortened: 1 where nothing is left to chance. */
  readonly attempts: number
}

const call = (
  name: string,
  args?: Readonly<Record<string, unknown>>,
  to: 'source' | 'destination' = 'source',
): Step => ({
  do: 'call',
  to,
  call: args === undefined ? { name } : { name, arguments: args },
})
const send = (name: string, args?: Readonly<Record<string, unknown>>): Step => ({
  do: 'send',
  to: 'source',
  call: args === undefined ? { name } : { name, arguments: args },
})
const capability = (name: string, to: 'source' | 'destination' = 'source'): Step =>
  call('migrate-set-capabilities', { capabilities: [{ capability: name, state: true }] }, to)
const migrate = call('migrate', { uri: DESTINATION })
const release = call('migrate-set-parameters', { 'max-bandwidth': 0 })
const cancel = call('migrate_cancel')

/** Steps that have nothing to do with it: a sequence that is found has to be freed of them. */
const noise: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.constantFrom<Step>(
    call('query-migrate'),
    call('query-migrate-parameters'),
    call('migrate-set-parameters', { 'announce-rounds': 3 }),
    call('migrate-continue', { state: 'device' }),
    call('migrate_cancel', { now: true }),
    call('migrate-start-postcopy'),
  ),
  { maxLength: 2, size: 'max' },
)

/** Steps in this order, each left out sometimes where it is optional, with noise anywhere. */
const inOrder = (...parts: readonly (Step | fc.Arbitrary<readonly Step[]>)[]): fc.Arbitrary<Sequence> =>
  fc
    .tuple(noise, ...parts.map((part) => ('do' in part ? fc.constant([part]) : part)), noise)
    .map((found) => found.flat())

const sometimes = (step: Step): fc.Arbitrary<readonly Step[]> =>
  fc.option(fc.constant(step), { nil: undefined }).map((one) => (one === undefined ? [] : [one]))

const lastRest = ({ steps }: Transcript) => steps.findLast(({ rest }) => rest !== undefined)?.rest
const stands = (rest: PartyRest | undefined, status: string, runState: string): boolean =>
  typeof rest === 'object' && rest.status === status && rest.runState === runState

/** All events of the source, in order. */
const sourceEvents = ({ steps }: Transcript): readonly string[] => steps.flatMap(({ events }) => events['src'] ?? [])

const repliesTo = (transcript: Transcript, name: string): readonly Readonly<Record<string, unknown>>[] => {
  const lines = transcript.parties.find((party) => party.name === 'src')?.lines ?? []
  const open: unknown[] = []
  const replies: Readonly<Record<string, unknown>>[] = []
  for (const { direction, message } of lines) {
    if (typeof message !== 'object' || message === null) continue
    if (direction === '->') open.push('execute' in message ? message.execute : undefined)
    else if ('return' in message || 'error' in message) {
      const asked = open.shift()
      if (asked === name && 'return' in message) replies.push({ ...(message.return as object) })
    }
  }
  return replies
}

const leftInPostmigrate = (transcript: Transcript): string | undefined =>
  stands(lastRest(transcript)?.source, 'cancelled', 'postmigrate') &&
  !sourceEvents(transcript).includes('MIGRATION completed')
    ? 'the migration was cancelled before anything was handed over, and the guest is in postmigrate'
    : undefined

/** All that are looked for. */
export const defects: readonly Defect[] = [
  {
    quirk: 'h1',
    invariant: 'I1',
    property: 'one runner',
    title: 'split brain: a cancel that lands between the last byte and completed',
    needs: { memoryMebibytes: 4 },
    sequences: fc
      .record({
        returnPath: fc.boolean(),
        awaited: fc.constantFrom<Step>(
          { do: 'await', on: 'source', events: ['STOP'], patienceMillis: 1000 },
          { do: 'await', on: 'destination', events: ['RESUME'], patienceMillis: 1000 },
        ),
        micros: fc.integer({ min: 0, max: 3000 }),
        before: noise,
      })
      .map(({ returnPath, awaited, micros, before }): Sequence => [
        ...before,
        ...(returnPath ? [capability('return-path')] : []),
        release,
        send('migrate', { uri: DESTINATION }),
        awaited,
        { do: 'delay', micros },
        send('migrate_cancel'),
      ]),
    violation: (transcript) => {
      const rest = lastRest(transcript)
      return stands(rest?.source, 'cancelled', 'running') && stands(rest?.destination, 'completed', 'running')
        ? 'source: cancelled and running; destination: completed and running'
        : undefined
    },
    attempts: 12,
  },
  {
    quirk: 'h7',
    invariant: 'I13',
    property: 'events are history',
    title: 'each repeated cancel emits cancelling again',
    needs: {},
    sequences: inOrder(
      sometimes(capability('pause-before-switchover')),
      migrate,
      fc
        .array(fc.constantFrom<Call>({ name: 'migrate_cancel' }, { name: 'query-migrate' }), {
          minLength: 2,
          maxLength: 5,
        })
        .map((calls): readonly Step[] => [{ do: 'race', to: 'source', calls }]),
    ),
    violation: (transcript) => {
      const statuses = sourceEvents(transcript).filter((event) => event.startsWith('MIGRATION '))
      const repeated = statuses.find((event, index) => event === statuses[index - 1])
      return repeated === undefined ? undefined : `${repeated} twice, with no other status in between`
    },
    attempts: 4,
  },
  {
    quirk: 'h4',
    invariant: 'I2',
    property: 'one side can run',
    title: 'a guest that the user had stopped comes out of a cancelled pre-switchover in postmigrate',
    needs: {},
    sequences: inOrder(sometimes(call('stop')), capability('pause-before-switchover'), release, migrate, cancel),
    violation: leftInPostmigrate,
    attempts: 1,
  },
  {
    quirk: 'h3',
    invariant: 'I2',
    property: 'one side can run',
    title: 'a cancel in pre-switchover on the way to postcopy leaves the guest in postmigrate',
    needs: {},
    sequences: inOrder(
      capability('postcopy-ram', 'destination'),
      capability('postcopy-ram'),
      capability('pause-before-switchover'),
      migrate,
      fc.constantFrom<readonly Step[]>([call('migrate-start-postcopy')], [release]),
      {
        do: 'await',
        on: 'source',
        events: ['MIGRATION pre-switchover', 'MIGRATION completed', 'MIGRATION failed'],
        patienceMillis: 1000,
      },
      cancel,
    ),
    violation: leftInPostmigrate,
    attempts: 1,
  },
  {
    quirk: 'q13',
    invariant: 'I12',
    property: 'consistent query',
    title: 'completed is readable while its times are still 0 (A20)',
    needs: { memoryMebibytes: 512 },
    sequences: fc
      .record({ pipelined: fc.integer({ min: 1, max: 8 }), before: noise, returnPath: fc.boolean() })
      .map(({ pipelined, before, returnPath }): Sequence => [
        ...before,
        ...(returnPath ? [capability('return-path')] : []),
        release,
        send('migrate', { uri: DESTINATION }),
        { do: 'poll', pipelined, patienceMillis: 10_000 },
      ]),
    violation: (transcript) => {
      const unset = repliesTo(transcript, 'query-migrate').find(
        (info) => info['status'] === 'completed' && info['total-time'] === 0,
      )
      return unset === undefined
        ? undefined
        : `query-migrate tells completed, total-time ${String(unset['total-time'])}, downtime ${String(unset['downtime'])}`
    },
    attempts: 10,
  },
  {
    quirk: 'q8',
    invariant: 'I6',
    property: 'honest cancel',
    title: 'migrate_cancel in colo answers success and changes no status',
    needs: {},
    sequences: inOrder(sometimes(capability('x-colo', 'destination')), capability('x-colo'), release, migrate, cancel),
    violation: ({ steps }) => {
      const broken = steps.find(
        ({ calls, rest }, index) =>
          calls.some(({ call: given, answer }) => given.name === 'migrate_cancel' && answer.type === 'return') &&
          typeof rest?.source === 'object' &&
          rest.source.status === 'colo' &&
          typeof steps[index - 1]?.rest?.source === 'object',
      )
      return broken === undefined ? undefined : 'a cancel was answered with success, and the status is still colo'
    },
    attempts: 1,
  },
  {
    quirk: 'q6',
    invariant: 'I11',
    property: 'failure has a reason',
    title: 'failed without a reason',
    needs: {},
    sequences: inOrder(
      fc.constantFrom<readonly Step[]>(
        [call('migrate', { uri: 'bogus:1' })],
        [call('migrate', { uri: '@nowhere' })],
        [call('migrate')],
      ),
    ),
    violation: ({ steps }) => {
      const failed = steps.find(
        ({ rest }) =>
          typeof rest?.source === 'object' &&
          rest.source.status === 'failed' &&
          !rest.source.members.includes('error-desc'),
      )
      return failed === undefined ? undefined : `failed without error-desc after ${stepText(failed.step)}`
    },
    attempts: 1,
  },
]
