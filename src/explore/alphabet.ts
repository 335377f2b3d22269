/** Everything that a chart can be told from outside, with every value of its members: the alphabet of an exploration. */
import { plainEvent, type ChartEvent, type StoppedRunState } from '../../machines/index.ts'

const booleans = [false, true]
const stoppedRunStates: readonly StoppedRunState[] = [
  'paused',
  'prelaunch',
  'suspended',
  'io-error',
  'shutdown',
  'postmigrate',
]
const commands = [
  'migrate',
  'migrate-incoming',
  'migrate_cancel',
  'migrate-continue',
  'migrate-start-postcopy',
  'migrate-recover',
  'migrate-resume',
  'migrate-pause',
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
  'checkpoint-due',
  'output-differs',
  'checkpoint-reply',
  'vmstate-saved',
  'vmstate-sent',
  'vmstate-received',
  'vmstate-loaded',
  'interrupted',
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
  'checkpoint-request',
  'vmstate-send',
  'vmstate-size',
  'vmstate-staged',
  'torn',
  'interrupted',
] as const
const replicationEvents = [
  'stop',
  'failover',
  'checkpoint',
  'done',
  'refused',
  'io-error',
  'committed',
  'commit-failed',
] as const

/** Everything that a chart can be told from outside. */
export const alphabet: readonly ChartEvent[] = [
  ...commands.map(plainEvent),
  ...booleans.flatMap((pause) =>
    booleans.flatMap((postcopy) =>
      booleans.map((colo) => ({ type: 'migrate-set-capabilities' as const, pause, postcopy, colo })),
    ),
  ),
  { type: 'xen-save-devices-state' },
  ...booleans.map((live) => ({ type: 'devices.saved' as const, live })),
  ...booleans.map((returnPath) => ({ type: 'outgoing.connected' as const, returnPath })),
  ...outgoingFacts.map((name) => plainEvent(`outgoing.${name}`)),
  ...incomingFacts.map((name) => plainEvent(`incoming.${name}`)),
  ...booleans.map((running) => ({ type: 'incoming.ended' as const, running })),
  ...stoppedRunStates.map((stopped) => ({ type: 'incoming.ended' as const, running: false, stopped })),
  ...booleans.map((running) => ({ type: 'incoming.start' as const, running })),
  ...booleans.map((running) => ({ type: 'incoming.colo' as const, running })),
  ...booleans.map((running) => ({ type: 'incoming.vmstate-loaded' as const, running })),
  { type: 'failover.fenced' },
  { type: 'failover.not-fenced' },
  ...(['primary', 'secondary'] as const).map((role) => ({ type: 'replication.start' as const, role })),
  ...replicationEvents.map((name) => plainEvent(`replication.${name}`)),
  { type: 'guest.shutdown' },
  { type: 'guest.suspended' },
  { type: 'guest.wakeup' },
  { type: 'guest.io-error' },
]

/** What the other charts of a process tell those of the statuses, for a chart that is walked on its own. */
export const synchronisations: readonly ChartEvent[] = (['colo.leave', 'replication.lost'] as const).map(plainEvent)
