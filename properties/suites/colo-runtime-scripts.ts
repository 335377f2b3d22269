/**
 * Scripts for two processes in COLO: every moment of a checkpoint with everything that can end the pair at it, and what a
 * pair has to come to terms with: a guest that shuts down, a cancel, another delay, a load that fails.
 */
import { coloRuntimePlan } from '../arbitraries/colo-commands.ts'
import type { CommandCall } from '../arbitraries/command-calls.ts'
import type { RuntimeAction, Side } from '../arbitraries/runtime-commands.ts'
import { defaultColoPlan, type ColoPlan } from '../worlds/pair-service.ts'
import type { RuntimeScript } from './runtime-scripts.ts'

const planOf = (colo: Partial<ColoPlan>) => ({ ...coloRuntimePlan, colo: { ...defaultColoPlan, ...colo } })

const pair: RuntimeAction = { do: 'pair up' }
const advance = (millis: number): RuntimeAction => ({ do: 'advance', millis })
const to = (who: Side, call: CommandCall): RuntimeAction => ({ do: 'command', to: who, call })
const heartbeat = (who: Side): RuntimeAction => to(who, { name: 'x-colo-lost-heartbeat' })
const crash = (who: Side): RuntimeAction => ({ do: 'crash', who })
const primary = (phase: string): RuntimeAction => ({ do: 'until', who: 'source', state: `primary.lockstep.${phase}` })
const secondary = (phase: string): RuntimeAction => ({
  do: 'until',
  who: 'destination',
  state: `secondary.lockstep.${phase}`,
})
const delay = (millis: number): RuntimeAction =>
  to('source', { name: 'migrate-set-parameters', arguments: { 'x-checkpoint-delay': millis } })
const cut: RuntimeAction = { do: 'cut', fate: 'dropped' }

/** Where a pair is while a checkpoint goes on. */
const moments: readonly RuntimeAction[] = [
  ...['running', 'requesting', 'saving', 'sending', 'sent', 'received'].map(primary),
  ...['replied', 'receiving', 'staging', 'loading.applying'].map(secondary),
]

const nameOf = (moment: RuntimeAction): string => (moment.do === 'until' ? moment.state : '')

const other = { source: 'destination', destination: 'source' } as const

/** See the head of this file. */
export const coloRuntimeScripts: readonly RuntimeScript[] = [
  { name: 'guests that stay alike', plan: planOf({}), actions: [pair, advance(700)] },
  { name: 'guests that do not', plan: planOf({ noiseEvery: 4, delayMillis: 2000 }), actions: [pair, advance(900)] },
  { name: 'nothing is compared', plan: planOf({ compares: false }), actions: [pair, advance(700)] },
  {
    name: 'what is compared gets lost, and the next checkpoint is far away',
    plan: planOf({ delayMillis: 60_000 }),
    actions: [pair, advance(100), { do: 'cut-compare' }, advance(600)],
  },
  { name: 'as 2.11 does it', plan: planOf({ profile: '2.11' }), actions: [pair, advance(700)] },
  ...(['source', 'destination'] as const).flatMap((victim) =>
    moments.map((moment): RuntimeScript => ({
      name: `the ${victim} dies in ${nameOf(moment)}, the other goes on`,
      plan: planOf({ noiseEvery: 5 }),
      actions: [pair, advance(120), moment, crash(victim), advance(3), heartbeat(other[victim]), advance(200)],
    })),
  ),
  ...moments.map((moment): RuntimeScript => ({
    name: `the channel breaks in ${nameOf(moment)}, the secondary takes over`,
    plan: planOf({ noiseEvery: 5 }),
    actions: [pair, advance(120), moment, cut, heartbeat('destination'), advance(200)],
  })),
  ...moments.map((moment): RuntimeScript => ({
    name: `told in ${nameOf(moment)}, both whole: the primary goes on`,
    plan: planOf({ profile: '2.11' }),
    actions: [pair, advance(120), moment, heartbeat('source'), advance(200)],
  })),
  ...moments.map((moment): RuntimeScript => ({
    name: `told in ${nameOf(moment)}, both whole: the secondary goes on`,
    plan: planOf({ noiseEvery: 5 }),
    actions: [pair, advance(120), moment, heartbeat('destination'), advance(200)],
  })),
  {
    name: 'a load that fails, then a failover',
    plan: planOf({}),
    actions: [pair, { do: 'fail-load', how: 'intact' }, advance(300), heartbeat('destination'), advance(200)],
  },
  {
    name: 'a load that fails as the failover comes',
    plan: planOf({}),
    actions: [
      pair,
      { do: 'fail-load', how: 'intact' },
      secondary('loading.applying'),
      heartbeat('destination'),
      advance(200),
    ],
  },
  {
    name: 'a load of which only the devices are in use',
    plan: planOf({}),
    actions: [pair, { do: 'fail-load', how: 'torn' }, advance(300), heartbeat('source'), advance(200)],
  },
  {
    name: 'a load of which only the devices are in use, then a failover of that side',
    plan: planOf({}),
    actions: [pair, { do: 'fail-load', how: 'torn' }, advance(300), heartbeat('destination'), advance(200)],
  },
  {
    name: 'both are told that the other is dead',
    plan: planOf({}),
    actions: [pair, advance(100), heartbeat('source'), heartbeat('destination'), advance(200)],
  },
  { name: 'nobody is told of a break', plan: planOf({}), actions: [pair, cut, advance(200)] },
  {
    name: 'a secondary that says nothing any more',
    plan: planOf({}),
    actions: [
      pair,
      advance(50),
      { do: 'freeze', on: true },
      advance(800),
      heartbeat('source'),
      { do: 'freeze', on: false },
      advance(300),
    ],
  },
  ...(['2.11', '7.2'] as const).map((profile): RuntimeScript => ({
    name: `the guest shuts down, ${profile}`,
    plan: planOf({ profile }),
    actions: [pair, advance(20), { do: 'shut-down', who: 'source' }, advance(300)],
  })),
  {
    name: 'a cancel in lock-step',
    plan: planOf({}),
    actions: [pair, advance(50), to('source', { name: 'migrate_cancel' }), advance(300)],
  },
  {
    name: 'another delay at once',
    plan: planOf({ delayMillis: 60_000 }),
    actions: [pair, advance(100), delay(30), advance(200), delay(60_000), advance(100)],
  },
  {
    name: 'stopped and started in lock-step',
    plan: planOf({}),
    actions: [pair, to('source', { name: 'stop' }), advance(200), to('source', { name: 'cont' }), advance(200)],
  },
  {
    name: 'alone, then with another secondary',
    plan: planOf({ noiseEvery: 6 }),
    actions: [
      pair,
      advance(200),
      crash('destination'),
      heartbeat('source'),
      advance(100),
      pair,
      advance(200),
      crash('source'),
      heartbeat('destination'),
      advance(200),
    ],
  },
  {
    name: 'a fence that confirms, on either side',
    plan: planOf({ fence: 'kills' }),
    actions: [pair, advance(100), heartbeat('destination'), heartbeat('source'), advance(200)],
  },
  {
    name: 'a fence that cannot confirm',
    plan: planOf({ fence: 'cannot' }),
    actions: [pair, cut, heartbeat('destination'), advance(200)],
  },
]
