/**
 * Seeded bugs of COLO and of failovers, after the public catalogue of such bugs (its section F): those that a core can
 * have. A bug of the data plane or of the compare module is a mutant of those.
 */
import {
  coloMode,
  failoverStatus,
  isColoBroken,
  runState,
  type CoreOutput,
  type CoreState,
} from '../../src/core/index.ts'
import { ourCore, type CoreSystem } from '../worlds/core-world.ts'
import { isIntent, quirky, tampered, withOutputs, withoutRun } from './core-mutants.ts'
import type { Mutant } from './mutant.ts'

const emit = (type: 'release-output'): CoreOutput => ({ type: 'intent', intent: { type } })

const withGuest = (state: CoreState, guest: string): CoreState =>
  typeof state.chart.value === 'object'
    ? { ...state, chart: { ...state.chart, value: { ...state.chart.value, guest } } }
    : state

const withoutIncomingError = (state: CoreState): CoreState =>
  state.incoming === undefined
    ? state
    : {
        ...state,
        incoming: {
          uri: state.incoming.uri,
          ...(state.incoming.address === undefined ? {} : { address: state.incoming.address }),
        },
      }

/** See the head of this file. */
export const lockStepMutants: readonly Mutant<CoreSystem>[] = [
  {
    id: 'F1',
    title: 'a failover that is asked for while COLO is being entered is accepted and lost (quirk q9)',
    system: quirky('q9'),
    quirk: 'q9',
    killedBy: ['I28'],
  },
  {
    id: 'F2',
    title: 'a failover after a load that failed waits for it for ever (quirk q10)',
    system: quirky('q10'),
    quirk: 'q10',
    killedBy: ['I28', 'I9'],
  },
  {
    id: 'F3',
    title: 'pages are put in use as they come, before the devices of their epoch',
    system: tampered('F3', ([state, outputs]) => [
      state,
      outputs.flatMap((output): readonly CoreOutput[] =>
        output.type === 'intent' && output.intent.type === 'stage-checkpoint'
          ? [output, { type: 'intent', intent: { type: 'load-checkpoint', run: output.intent.run } }]
          : [output],
      ),
    ]),
    killedBy: ['I27'],
  },
  {
    id: 'F4',
    title: 'the guest of a secondary that took over stays stopped (quirk q12)',
    system: quirky('q12'),
    quirk: 'q12',
    killedBy: ['I29'],
  },
  {
    id: 'F7',
    title: 'a pair comes apart and nobody is told (quirk q11)',
    system: quirky('q11'),
    quirk: 'q11',
    killedBy: ['I9'],
  },
  {
    id: 'F9',
    title: 'why a pair came apart is dropped',
    system: tampered('F9', ([state, outputs]) => [
      isColoBroken(state) ? withoutIncomingError(withoutRun(state, 'error')) : state,
      outputs,
    ]),
    killedBy: ['I11'],
  },
  {
    id: 'F14',
    title: 'cont runs the guest in the middle of a checkpoint',
    system: tampered('F14', (step, before, input) =>
      input.type === 'command' && input.name === 'cont' && coloMode(before) === 'primary' && runState(before) === 'colo'
        ? [
            withGuest(before, 'running'),
            [
              { type: 'intent', intent: { type: 'start-guest' } },
              { type: 'reply', value: {} },
            ],
          ]
        : step,
    ),
    killedBy: ['I27'],
  },
  {
    id: 'F15',
    title: 'a failover does not wait for the devices that are being loaded',
    system: tampered('F15', (step, _before, input) => {
      const [state, outputs] = step
      if (failoverStatus(state) !== 'relaunch') return step
      const run = state.incomingNumber
      const { nowMillis } = input
      const loaded = { type: 'incoming.vmstate-loaded', running: true, run } as const
      const [first, more] = ourCore.step(state, { type: 'fact', fact: loaded, nowMillis })
      const interrupted = { type: 'incoming.interrupted', run } as const
      const [second, rest] = ourCore.step(first, { type: 'fact', fact: interrupted, nowMillis })
      return [second, [...outputs, ...more, ...rest]]
    }),
    killedBy: ['I27'],
  },
  {
    id: 'F16',
    title: 'the pair hangs when the guest shuts down',
    system: tampered('F16', ([state, outputs]) => [
      state,
      runState(state) === 'shutdown' ? outputs.filter((output) => !isIntent(output, 'send-colo-message')) : outputs,
    ]),
    killedBy: ['I9'],
  },
  {
    id: 'H15',
    title: 'behind a pause COLO is never entered and the status stays device (quirk h15)',
    system: quirky('h15'),
    quirk: 'h15',
    killedBy: ['I9'],
  },
  {
    id: 'H19',
    title: 'a primary that has lost its secondary runs on beside it (quirk h19)',
    system: quirky('h19'),
    quirk: 'h19',
    killedBy: ['I1'],
  },
  {
    id: 'h30',
    title: 'COLO runs a guest that the user has stopped (quirk h30)',
    system: quirky('h30'),
    quirk: 'h30',
    killedBy: ['I2'],
  },
  {
    id: 'L1',
    title: 'output leaves when the secondary has a checkpoint, before it has put it in use',
    system: tampered('L1', ([state, outputs], _before, input) =>
      input.type === 'fact' && input.fact.type === 'outgoing.vmstate-received'
        ? [state, [...outputs, emit('release-output')]]
        : [state, outputs],
    ),
    killedBy: ['I29'],
  },
  {
    id: 'L2',
    title: 'output that a checkpoint covers is never let out',
    system: withOutputs('L2', (output) => (isIntent(output, 'release-output') ? [] : [output])),
    killedBy: ['I29'],
  },
  {
    id: 'L3',
    title: 'a secondary lets its output out from the beginning',
    system: withOutputs('L3', (output) =>
      isIntent(output, 'hold-output') ? [{ type: 'intent', intent: { type: 'open-output' } }] : [output],
    ),
    killedBy: ['I29'],
  },
  {
    id: 'L4',
    title: 'a secondary that takes over keeps the channel open',
    system: withOutputs('L4', (output) => (isIntent(output, 'close-colo') ? [] : [output])),
    killedBy: ['I9'],
  },
  {
    id: 'L5',
    title: 'a failover completes twice',
    system: tampered('L5', ([state, outputs], before) =>
      failoverStatus(before) === 'completed' &&
      failoverStatus(state) === 'completed' &&
      typeof state.chart.value === 'object'
        ? [
            {
              ...state,
              chart: { ...state.chart, value: { ...state.chart.value, failover: { require: 'interrupting' } } },
            },
            outputs,
          ]
        : [state, outputs],
    ),
    killedBy: ['I28'],
  },
]
