/** Pairs of processes in COLO: how they are made, and what can be done to them, as the actions of a runtime world. */
import * as fc from 'fast-check'
import type { Direction, Fate } from '../../src/channel/simulated-network.ts'
import { defaultColoPlan } from '../worlds/pair-service.ts'
import { defaultPlan, type Plan } from '../worlds/runtime-world.ts'
import type { CommandCall } from './command-calls.ts'
import { RuntimeCommand, type RuntimeAction, type Side } from './runtime-commands.ts'

/** A guest that sends a hundred packets a second, of which a checkpoint takes some milliseconds. */
export const coloRuntimePlan: Plan = {
  ...defaultPlan,
  maxBandwidth: 0,
  latencyMillis: 2,
  downtimeLimitMillis: 300,
  colo: defaultColoPlan,
}

const colo = defaultColoPlan

/** The plans that random sequences run on: both versions; alike, unlike and uncompared; with and without a fence. */
export const coloRuntimePlans: readonly Plan[] = [
  coloRuntimePlan,
  { ...coloRuntimePlan, colo: { ...colo, profile: '2.11' } },
  { ...coloRuntimePlan, capabilities: ['xbzrle', 'compress'], colo: { ...colo, noiseEvery: 7 } },
  { ...coloRuntimePlan, latencyMillis: 7, capacityBytes: 4096, colo: { ...colo, noiseEvery: 3, delayMillis: 230 } },
  { ...coloRuntimePlan, colo: { ...colo, compares: false } },
  { ...coloRuntimePlan, colo: { ...colo, fence: 'kills', noiseEvery: 5 } },
  { ...coloRuntimePlan, colo: { ...colo, profile: '2.11', fence: 'cannot' } },
  { ...coloRuntimePlan, latencyMillis: 0, capacityBytes: 1 << 20, colo: { ...colo, delayMillis: 30 } },
]

/** One of them. */
export const coloRuntimeSetting: fc.Arbitrary<Plan> = fc.constantFrom(...coloRuntimePlans)

const act = (arbitrary: fc.Arbitrary<RuntimeAction>): fc.Arbitrary<RuntimeCommand> =>
  arbitrary.map((action) => new RuntimeCommand(action))

const side = fc.constantFrom<Side>('source', 'destination')
const fate = fc.constantFrom<Fate>('delivered', 'dropped')

const toEither = (...calls: readonly CommandCall[]) =>
  fc.tuple(side, fc.constantFrom(...calls)).map<RuntimeAction>(([to, call]) => ({ do: 'command', to, call }))

const moment = fc.oneof(
  fc
    .constantFrom('requesting', 'saving', 'sending', 'sent', 'received', 'running')
    .map<RuntimeAction>((phase) => ({ do: 'until', who: 'source', state: `primary.lockstep.${phase}` })),
  fc
    .constantFrom('launching', 'stopping', 'replied', 'receiving', 'staging', 'loading.applying', 'waiting')
    .map<RuntimeAction>((phase) => ({ do: 'until', who: 'destination', state: `secondary.lockstep.${phase}` })),
)

const advance = fc
  .oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 12, max: 150 }), fc.integer({ min: 150, max: 500 }))
  .map<RuntimeAction>((millis) => ({ do: 'advance', millis }))

const delay = fc.constantFrom(10, 40, 90, 1000).map<RuntimeAction>((value) => ({
  do: 'command',
  to: 'source',
  call: { name: 'migrate-set-parameters', arguments: { 'x-checkpoint-delay': value } },
}))

/** Sequences for a pair in lock-step: time and checkpoints, and everything that ends them. */
export const coloRuntimeCommands: fc.Arbitrary<RuntimeCommand>[] = [
  ...Array.from({ length: 3 }, () => [
    act(fc.constant<RuntimeAction>({ do: 'pair up' })),
    act(advance),
    act(moment),
  ]).flat(),
  act(delay),
  act(toEither({ name: 'x-colo-lost-heartbeat' })),
  act(toEither({ name: 'x-colo-lost-heartbeat' })),
  act(toEither({ name: 'stop' }, { name: 'cont' }, { name: 'migrate_cancel' }, { name: 'query-migrate' })),
  act(fc.constant<RuntimeAction>({ do: 'migrate' })),
  act(side.map<RuntimeAction>((who) => ({ do: 'crash', who }))),
  act(fate.map<RuntimeAction>((fate) => ({ do: 'cut', fate }))),
  act(
    fc
      .record({
        direction: fc.constantFrom<Direction>('forward', 'back'),
        message: fc.integer({ min: 1, max: 40 }),
        fate,
      })
      .map<RuntimeAction>((cut) => ({ do: 'cut-at', ...cut })),
  ),
  act(
    fc.oneof(
      fc.constantFrom('intact' as const, 'torn' as const).map<RuntimeAction>((how) => ({ do: 'fail-load', how })),
      side.map<RuntimeAction>((who) => ({ do: 'shut-down', who })),
      fc.boolean().map<RuntimeAction>((on) => ({ do: 'freeze', on })),
      fc.constant<RuntimeAction>({ do: 'cut-compare' }),
    ),
  ),
]
