/**
 * The refusals that say something about the state, as data: a recorded error with such a text is only accepted where the
 * chart is in a state that it fits. Texts are QEMU's own (all of them were recorded); a text that is not listed here
 * complains about arguments, files or addresses, which no chart knows.
 */
import type { Profile } from '../../machines/index.ts'
import type { AutomatonNode } from './lazy-automaton.ts'

/** What a text says. */
export interface Refusal {
  readonly commands: readonly string[]
  readonly text: string | RegExp
  /** Whether the text fits the state. */
  readonly fits: (node: AutomatonNode, profile: Profile, match: string | undefined) => boolean
}

const idle: ReadonlySet<string> = new Set(['none', 'completed', 'failed', 'cancelled'])
const isBusy = (node: AutomatonNode) => !idle.has(node.outgoing)

/** All texts that are known to depend on the state alone. */
export const refusals: readonly Refusal[] = [
  {
    commands: ['migrate'],
    text: "There's a migration process in progress",
    fits: isBusy,
  },
  {
    commands: ['migrate-set-capabilities'],
    text: "There's a migration process in progress",
    fits: (node, profile) => isBusy(node) && (profile === '7.2' || node.outgoing !== 'colo'),
  },
  {
    commands: ['migrate'],
    text: 'Guest is waiting for an incoming migration',
    fits: (node) => node.guest === 'inmigrate',
  },
  {
    commands: ['migrate'],
    text: "Can't migrate the vm that was paused due to previous migration",
    fits: (node) => node.guest === 'postmigrate',
  },
  {
    commands: ['migrate'],
    text: 'Cannot resume if there is no paused migration',
    fits: (node) => node.outgoing !== 'postcopy-paused',
  },
  {
    commands: ['migrate-continue'],
    text: /^Migration not in expected state: (\S+)$/,
    fits: (node, _profile, status) => node.outgoing === status,
  },
  {
    commands: ['migrate-start-postcopy'],
    text: 'Enable postcopy with migrate_set_capability before the start of migration',
    fits: (node) => !node.context.postcopy,
  },
  {
    commands: ['migrate-start-postcopy'],
    text: 'Postcopy must be started after migration has been started',
    fits: (node) => node.outgoing === 'none',
  },
  {
    commands: ['migrate-incoming'],
    text: 'The incoming migration has already been started',
    fits: (node) => node.incomingPath !== 'none.deferred' && node.incomingPath !== 'none.off',
  },
  {
    commands: ['migrate-incoming'],
    text: /^(For use with '-incoming defer'|'-incoming' was not specified on the command line)$/,
    fits: (node) => node.incomingPath !== 'none.deferred',
  },
  {
    commands: ['migrate-recover'],
    text: 'Migrate recover can only be run when postcopy is paused.',
    fits: (node) => node.incoming !== 'postcopy-paused',
  },
  {
    commands: ['cont'],
    text: 'Migration is not finalized yet',
    fits: (node) => node.guest === 'finish-migrate',
  },
  // The next two are the honest answers of this project and of later QEMU: these two accept such a cancel.
  {
    commands: ['migrate_cancel'],
    text: 'Postcopy migration in progress, cannot cancel.',
    fits: (node) => node.outgoing.startsWith('postcopy-'),
  },
  {
    commands: ['migrate_cancel'],
    text: /^COLO in progress, cannot cancel/,
    fits: (node) => node.outgoing === 'colo',
  },
  {
    commands: ['x-colo-lost-heartbeat'],
    text: "The feature 'colo' is not enabled",
    fits: (node) => node.outgoing !== 'colo' && node.incoming !== 'colo',
  },
  {
    commands: ['x-colo-lost-heartbeat'],
    text: /^COLO failover is already activ(at)?ed$/,
    fits: (node) => ['require', 'active', 'relaunch'].includes(node.failover),
  },
]

/** Refused before a state was looked at, or because of it: `migrate` with such a text has not begun a run. */
const beforeStart: readonly RegExp[] = [
  /^State blocked by non-migratable device/,
  /^Command options are incompatible/,
  /^No disk migration is required in COLO mode/,
  /^Migration is disabled when using feature/,
  /does not support live migration$/,
  /^Parameter '[^u]/,
  /^Parameter 'uri' is missing/,
  /^Invalid parameter type for/,
  /^QMP input/,
  /^Expecting capabilities negotiation/,
  /does not support OOB$/,
]

/** Whether an error with this text fits a state; true for texts that depend on no state. */
export const refusalFits = (profile: Profile, command: string, text: string, node: AutomatonNode): boolean => {
  for (const refusal of refusals) {
    if (!refusal.commands.includes(command)) continue
    const match = typeof refusal.text === 'string' ? (refusal.text === text ? [text] : null) : refusal.text.exec(text)
    if (match !== null) return refusal.fits(node, profile, match[1])
  }
  return true
}

/** Whether a refused `migrate` has changed nothing at all, as far as its text tells. */
export const refusesBeforeStart = (text: string): boolean =>
  beforeStart.some((pattern) => pattern.test(text)) ||
  refusals.some(
    (refusal) =>
      refusal.commands.includes('migrate') &&
      (typeof refusal.text === 'string' ? refusal.text === text : refusal.text.test(text)),
  )
