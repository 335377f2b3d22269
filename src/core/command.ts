/**
 * The commands of the schema, and those of the monitor that belong to a migration, by name. What each does stands in
 * `command/`, a file a noun.
 */
import type { Profile } from '../../machines/index.ts'
import { checkArguments } from './arguments.ts'
import { refused, type CommandTable } from './command/call.ts'
import { capabilityCommands } from './command/capabilities.ts'
import { coloCommands } from './command/colo.ts'
import { descriptorCommands } from './command/descriptors.ts'
import { deviceCommands } from './command/devices.ts'
import { guestCommands } from './command/guest.ts'
import { incomingCommands } from './command/incoming.ts'
import { objectCommands } from './command/objects.ts'
import { outgoingCommands } from './command/outgoing.ts'
import { parameterCommands } from './command/parameters.ts'
import { replicationCommands } from './command/replication.ts'
import type { CoreState } from './core-state.ts'
import type { Step } from './decide.ts'
import { commandNotFound } from './wording.ts'

const table: CommandTable = {
  ...outgoingCommands,
  ...incomingCommands,
  ...capabilityCommands,
  ...parameterCommands,
  ...coloCommands,
  ...deviceCommands,
  ...descriptorCommands,
  ...objectCommands,
  ...replicationCommands,
  ...guestCommands,
}

/** Commands that left with 6.0. */
const only211: ReadonlySet<string> = new Set([
  'migrate_set_downtime',
  'migrate_set_speed',
  'migrate-set-cache-size',
  'query-migrate-cache-size',
])

/** Commands that came since. */
const only72: ReadonlySet<string> = new Set(['migrate-pause', 'migrate-recover', 'query-colo-status'])

/**
 * The commands a process knows: those of its profile, without those of block replication unless that is built in
 * (`replication` of the options of the core).
 *
 * @example
 * commandNames('7.2').includes('migrate_set_speed') // false
 */
export const commandNames = (profile: Profile, options: { readonly replication?: boolean } = {}): readonly string[] =>
  Object.keys(table).filter(
    (name) =>
      !(profile === '7.2' ? only211 : only72).has(name) &&
      (options.replication === true || !Object.hasOwn(replicationCommands, name)),
  )

/** The function behind a command's name: checks the arguments before anything else, and changes nothing if it refuses. */
export const commandOf =
  (name: string) =>
  (state: CoreState, given: unknown, nowMillis: number): Step => {
    const known = commandNames(state.profile, { replication: state.replication !== undefined })
    const command = known.includes(name) ? table[name] : undefined
    if (command === undefined)
      return refused(state, { type: 'refusal', class: 'CommandNotFound', desc: commandNotFound(name) })
    const checked = checkArguments(state.profile, name, given)
    return typeof checked === 'string' ? refused(state, checked) : command(state, checked, nowMillis)
  }
