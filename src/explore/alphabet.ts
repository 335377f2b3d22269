/** Everything that a chart can be told from outside, with every value of its members: the alphabet of an exploration. */
import type { ChartEvent } from '../../machines/index.ts'

const booleans = [false, true]
const commands = [
  'migrate',
  'migrate-incoming',
  'migrate_cancel',
  'migrate-continue',
  'migrate-start-postcopy',
  'migrate-recover',
  'migrate-resume',
  'x-colo-lost-heartbeat',
  'stop',
  'cont',
  'system_reset',
] as const
const outgoingFacts = [
  'refused',
  'connect-failed',
  'unplug-wait',
  'setup-done',
  'converged',
  'postcopy',
  'flushed',
  'prepared',
  'committed',
  'package-sent',
  'loaded',
  'failed',
  'resumed',
  'outcome-running',
  'outcome-not-running',
  'outcome-unknown',
  'ended',
  'colo-ready',
  'checkpoint-begin',
  'checkpoint-end',
] as const
const incomingFacts = [
  'listen-failed',
  'connected',
  'advised',
  'discarding',
  'listening',
  'running',
  'prepared',
  'failed',
  'lost',
  'recovering',
  'recovered',
  'colo',
  'checkpoint-begin',
  'checkpoint-end',
] as const

/** Everything that a chart can be told from outside. */
export const alphabet: readonly ChartEvent[] = [
  ...commands.map((type) => ({ type })),
  ...booleans.flatMap((pause) =>
    booleans.flatMap((postcopy) =>
      booleans.map((colo) => ({ type: 'migrate-set-capabilities' as const, pause, postcopy, colo })),
    ),
  ),
  { type: 'xen-save-devices-state' },
  ...booleans.map((live) => ({ type: 'devices.saved' as const, live })),
  ...booleans.map((returnPath) => ({ type: 'outgoing.connected' as const, returnPath })),
  ...outgoingFacts.map((name) => ({ type: `outgoing.${name}` as const })),
  ...incomingFacts.map((name) => ({ type: `incoming.${name}` as const })),
  ...booleans.map((running) => ({ type: 'incoming.ended' as const, running })),
  ...booleans.map((running) => ({ type: 'incoming.start' as const, running })),
  { type: 'guest.shutdown' },
  { type: 'guest.suspended' },
  { type: 'guest.wakeup' },
  { type: 'guest.io-error' },
]
