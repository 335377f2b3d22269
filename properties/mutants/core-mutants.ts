/** Seeded bugs of the core: steps that are tampered with, and the known defects of real QEMUs, which the charts can have. */
import type { QuirkId } from '../../machines/index.ts'
import { outgoingStatus, type CoreOutput, type CoreState, type Step } from '../../src/core/index.ts'
import { pathOf } from '../state-view.ts'
import { ourCore, type CoreSystem } from '../worlds/core-world.ts'
import type { Mutant } from './mutant.ts'

type Tamper = (after: Step, before: CoreState, input: Parameters<CoreSystem['step']>[1]) => Step

export const tampered = (name: string, tamper: Tamper): CoreSystem => ({
  name,
  start: ourCore.start,
  step: (state, input) => tamper(ourCore.step(state, input), state, input),
})

export const withOutputs = (name: string, change: (output: CoreOutput) => readonly CoreOutput[]): CoreSystem =>
  tampered(name, ([state, outputs]) => [state, outputs.flatMap(change)])

const isStatus = (output: CoreOutput, status: string): boolean =>
  output.type === 'event' && output.event.event === 'MIGRATION' && output.event.data.status === status

export const isIntent = (output: CoreOutput, type: string): boolean =>
  output.type === 'intent' && output.intent.type === type

/** A core with a defect that a real QEMU has; 7.2 where only that one has it. */
export const quirky = (quirk: QuirkId): CoreSystem => ({
  name: quirk,
  start: (options) => ourCore.start({ ...options, quirks: [quirk] }),
  step: ourCore.step,
})

export const withoutRun = (state: CoreState, ...names: readonly string[]): CoreState =>
  state.outgoing === undefined
    ? state
    : {
        ...state,
        outgoing: Object.fromEntries(
          Object.entries(state.outgoing).filter(([name]) => !names.includes(name)),
        ) as unknown as NonNullable<CoreState['outgoing']>,
      }

/** See the head of this file. */
export const coreMutants: readonly Mutant<CoreSystem>[] = [
  {
    id: 'c1',
    title: 'starts the guest again when the run has completed',
    system: tampered('c1', ([state, outputs], before) =>
      outgoingStatus(state) === 'completed' && outgoingStatus(before) !== 'completed'
        ? [state, [...outputs, { type: 'intent', intent: { type: 'start-guest' } }]]
        : [state, outputs],
    ),
    killedBy: ['I1', 'I4'],
  },
  {
    id: 'c2',
    title: 'releases the images twice',
    system: withOutputs('c2', (output) => (isIntent(output, 'release-images') ? [output, output] : [output])),
    killedBy: ['I3'],
  },
  {
    id: 'c3',
    title: 'goes from setup straight to completed when the setup is done',
    system: tampered('c3', ([state, outputs], before) =>
      outgoingStatus(state) === 'active' && outgoingStatus(before) === 'setup' && typeof state.chart.value === 'object'
        ? [
            {
              ...state,
              chart: { ...state.chart, value: { ...state.chart.value, outgoing: { completed: 'settled' } } },
            },
            outputs,
          ]
        : [state, outputs],
    ),
    killedBy: ['I5'],
  },
  {
    id: 'c4',
    title: 'migrate_cancel answers success and does nothing',
    system: tampered('c4', (step, before, input) =>
      input.type === 'command' && input.name === 'migrate_cancel' ? [before, [{ type: 'reply', value: {} }]] : step,
    ),
    killedBy: ['I6'],
  },
  {
    id: 'c5',
    title: 'a new run keeps the error of the last one',
    system: tampered('c5', ([state, outputs], before) =>
      state.outgoingNumber > before.outgoingNumber &&
      state.outgoing !== undefined &&
      before.outgoing?.error !== undefined
        ? [{ ...state, outgoing: { ...state.outgoing, error: before.outgoing.error } }, outputs]
        : [state, outputs],
    ),
    killedBy: ['I7'],
  },
  {
    id: 'c6',
    title: 'a refused command has changed a parameter',
    system: tampered('c6', ([state, outputs]) =>
      outputs.some(({ type }) => type === 'refusal')
        ? [{ ...state, parameters: { ...state.parameters, 'downtime-limit': 301 } }, outputs]
        : [state, outputs],
    ),
    killedBy: ['I8'],
  },
  {
    id: 'c7',
    title: 'nobody lets a cancelled run go',
    system: withOutputs('c7', (output) => (isIntent(output, 'teardown') ? [] : [output])),
    killedBy: ['I9'],
  },
  {
    id: 'c8',
    title: 'a failed run has no reason',
    system: tampered('c8', ([state, outputs]) => [withoutRun(state, 'error'), outputs]),
    killedBy: ['I11'],
  },
  {
    id: 'c9',
    title: 'completed is published before its figures are there',
    system: tampered('c9', ([state, outputs]) => [withoutRun(state, 'totalMillis', 'downtimeMillis'), outputs]),
    killedBy: ['I12'],
  },
  {
    id: 'c10',
    title: 'an event is sent twice',
    system: withOutputs('c10', (output) => (isStatus(output, 'active') ? [output, output] : [output])),
    killedBy: ['I13'],
  },
  {
    id: 'c11',
    title: 'an event is lost',
    system: withOutputs('c11', (output) => (isStatus(output, 'setup') ? [] : [output])),
    killedBy: ['I13'],
  },
  {
    id: 'c12',
    title: 'the guest stays stopped after a cancelled switchover',
    system: tampered('c12', ([state, outputs], before) =>
      outgoingStatus(state) === 'cancelled' &&
      pathOf(before, 'guest')[0] === 'finish-migrate' &&
      typeof state.chart.value === 'object'
        ? [
            { ...state, chart: { ...state.chart, value: { ...state.chart.value, guest: 'postmigrate' } } },
            outputs.filter((output) => !isIntent(output, 'start-guest')),
          ]
        : [state, outputs],
    ),
    killedBy: ['I2'],
  },
  {
    id: 'c13',
    title: 'the expected downtime is 0 / 0',
    system: tampered('c13', ([state, outputs]) => [
      state.outgoing === undefined
        ? state
        : { ...state, outgoing: { ...state.outgoing, expectedDowntimeMillis: Number.NaN } },
      outputs,
    ]),
    killedBy: ['I23'],
  },
  ...(
    [
      ['q1', ['I8'], 'a refused migrate-set-capabilities is applied all the same'],
      ['q2', ['I8'], 'a second migrate-incoming answers an error and listens all the same'],
      ['q6', ['I11'], 'failed is published without a reason'],
      ['q7', ['I6'], 'a cancel is accepted in postcopy and kills the guest on both sides'],
      ['q14', ['I3'], 'migrate is accepted where the guest has left'],
      ['q15', ['I2'], 'cont is accepted while the guest is stopped for the migration'],
      ['h1', ['I1'], 'a cancel after the last byte is accepted'],
      ['h4', ['I2'], 'a stopped guest comes out of a cancelled switchover as postmigrate'],
      ['h26', ['I1'], 'the guest is started again after a failed postcopy'],
      ['h27', ['I1'], 'a failure while the destination takes over is taken for a failed migration'],
      ['h29', ['I2'], 'stop is forgotten while the guest is stopped for the migration'],
    ] as const
  ).map(([quirk, killedBy, title]) => ({ id: quirk, title, system: quirky(quirk), killedBy })),
]
