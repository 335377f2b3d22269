/**
 * The texts of refusals, which managers match on: QEMU's own, by profile. Where this project refuses what QEMU accepts
 * (a cancel in postcopy, say), the text says what would have been accepted.
 */
import type { Profile } from '../../machines/index.ts'
import { parameterFact, type ParameterOutOfRange } from '../qapi/index.ts'

export const busy = "There's a migration process in progress"
export const guestWaits = 'Guest is waiting for an incoming migration'
export const guestLeft = "Can't migrate the vm that was paused due to previous migration"
export const noProtocol = "Parameter 'uri' expects a valid migration protocol"
export const notFinalized = 'Migration is not finalized yet'
export const guestIncomplete = 'The incoming migration has failed: there is no guest that could run here'
export const resetRequired = 'Resetting the Virtual Machine is required'
export const postcopyOff = 'Enable postcopy with migrate_set_capability before the start of migration'
export const postcopyTooEarly = 'Postcopy must be started after migration has been started'
export const coloOff = "The feature 'colo' is not enabled"
export const postcopyCannotCancel = 'Postcopy migration in progress, cannot cancel.'
export const coloCannotCancel = 'COLO in progress, cannot cancel. Use x-colo-lost-heartbeat to leave it'
export const incomingStarted = 'The incoming migration has already been started'
export const alreadyDeferred = 'Incoming migration already deferred'
export const noPausedMigration = 'Cannot resume if there is no paused migration'
export const recoverOnlyPaused = 'Migrate recover can only be run when postcopy is paused.'
export const pauseOnlyPostcopy = 'migrate-pause is currently only supported during postcopy-active state'
export const postcopyWithCompress = 'Postcopy is not currently compatible with compression'
export const noBlockMigration = 'QEMU compiled without old-style (blk/-b, inc/-i) block migration'
export const noDisksInColo = 'No disk migration is required in COLO mode'
export const postcopyWithSharedMemory = 'Postcopy is not compatible with ignore-shared'
export const zeroCopyNeedsMultifd = 'Zero copy only available for non-compressed non-TLS multifd migration'
export const preemptNeedsPostcopy = 'Postcopy preempt requires postcopy-ram'
export const preemptWithCompress = 'Postcopy preempt not compatible with compress'
export const multifdNeedsSockets = 'multifd is not supported by current protocol'
export const multifdWithCompress = 'Multifd is not compatible with compress'
export const optionsConflict = 'Command options are incompatible with current migration capabilities'
export const argumentsNotObject = "QMP input member 'arguments' must be an object"
export const ioError = 'An IO error has occurred'
export const downtimeSeconds = "Parameter 'downtime_limit' expects an integer in the range of 0 to 2000 seconds"
export const replicationStarted = 'Block replication is running or done'
export const replicationNotRunning = 'Block replication is not running'
export const replicationBroken = 'I/O error occurred'
export const replicationBusy = 'Block replication is busy with another operation'
export const backupCancelled = 'Backup job was cancelled unexpectedly'
export const failoverOnlyStops = "Parameter 'failover' is only for stopping replication"

/** 2.11 has the second word wrong. */
export const failoverActivated = (profile: Profile): string =>
  `COLO failover is already ${profile === '7.2' ? 'activated' : 'actived'}`
export const notFenced = (reason: string): string =>
  `COLO failover is refused: the fence could not confirm that the other side is cut off (${reason})`
export const unexpectedMessage = (found: string, expected: string | undefined): string =>
  expected === undefined
    ? `Got unknown COLO message: ${found}`
    : `Unexpected COLO message ${found}, expected ${expected}`

export const notExpectedState = (current: string): string => `Migration not in expected state: ${current}`
export const commandNotFound = (name: string): string => `The command ${name} has not been found`
export const unsupportedCapability = (name: string): string =>
  `Capability '${name}' is not supported by this runtime; it can only be switched off`
export const unsupportedCommand = (name: string): string => `Command ${name} is not supported by this runtime`

export const notIncoming = (profile: Profile): string =>
  profile === '7.2' ? "'-incoming' was not specified on the command line" : "For use with '-incoming defer'"

export const unknownIncomingProtocol = (uri: string): string => `unknown migration protocol: ${uri}`
export const badAddress = (address: string): string => `error parsing address '${address}'`
export const badPort = (address: string): string => `error parsing port in address '${address}'`
export const badIpv6Address = (address: string): string => `error parsing IPv6 address '${address}'`
export const unresolvedService = (host: string, port: string): string =>
  `address resolution failed for ${host}:${port}: Servname not supported for ai_socktype`
export const badToArgument = 'error parsing to= argument'
export const badFlag = (name: string, value: string): string => `error parsing '${name}' flag '${value}'`
export const noAddressFamily = 'Cannot disable IPv4 and IPv6 at same time'
export const noUnixAddress = 'invalid Unix socket address'
export const badDescriptorNumber = (name: string): string => `Invalid file descriptor number '${name}'`
export const descriptorNotFound = (name: string): string => `File descriptor named '${name}' has not been found`
export const noDescriptorToClose = (name: string): string => `File descriptor named '${name}' not found`
export const noDescriptorReceived =
  'No file descriptor supplied via SCM_RIGHTS (none can be received; descriptors are given when the process is started)'
export const noCredentials = (name: string): string => `No TLS credentials with id '${name}'`
export const notCredentials = (name: string): string => `Object with id '${name}' is not TLS credentials`
export const otherEndpoint = (wanted: string): string => `Expected TLS credentials for a ${wanted} endpoint`
export const noHostname = (profile: Profile): string =>
  profile === '7.2' ? 'No hostname for certificate validation' : 'No hostname available for TLS'
export const noAuthorization = (name: string): string => `Cannot find QAuthZ object ID ${name}`
export const noIdentifier = "Parameter 'id' expects an identifier"
export const missingDirectory = "Missing 'dir' property value"
export const noObject = (id: string): string => `object '${id}' not found`
export const duplicateObject = (id: string): string =>
  `attempt to add duplicate property '${id}' to object (type 'container')`
export const missing = (name: string): string => `Parameter '${name}' is missing`
export const wrongType = (name: string, expected: string): string =>
  `Invalid parameter type for '${name}', expected: ${expected}`
export const unknownEnumValue = (profile: Profile, name: string, value: string): string =>
  profile === '7.2' ? `Parameter '${name}' does not accept value '${value}'` : `Invalid parameter '${value}'`
export const unknownObjectType = (profile: Profile, type: string): string =>
  profile === '7.2' ? unknownEnumValue(profile, 'qom-type', type) : `invalid object type: ${type}`
export const unknownProperty = (profile: Profile, name: string): string =>
  profile === '7.2' ? `Parameter '${name}' is unexpected` : `Property '.${name}' not found`
export const unsupportedProperty = (name: string): string =>
  `Property '${name}' is not supported by this runtime; it can only be left out`
export const unableToOpen = (path: string, reason: string): string => `Unable to open ${path}: ${reason}`
export const snapshotWith = (capability: string): string => `Background-snapshot is not compatible with ${capability}`
export const notSpice = (profile: Profile): string =>
  `Parameter 'protocol' expects ${profile === '7.2' ? "'spice'" : 'spice'}`
export const replicationMode = (needed: number, got: number): string =>
  `The parameter mode's value is invalid, needs ${needed}, but got ${got}`

/** 7.2 refuses an announce-step of 0 and says that 0 would do. */
const statedMinimum = (error: ParameterOutOfRange): string =>
  error.parameter === 'announce-step' ? '0' : String(error.minimum)

/** A parameter out of range, in the wording of the profile. */
export const outOfRange = (profile: Profile, error: ParameterOutOfRange): string => {
  const fact = parameterFact(error.parameter, profile)
  const minimum = fact?.minimum === 'cpu-throttle-initial' ? 'cpu_throttle_initial' : statedMinimum(error)
  const range = `${minimum} to ${fact?.statedMaximum ?? error.maximum}`
  const subject = `Parameter '${error.errorName}' expects`
  switch (fact?.rangeError) {
    case 'invalid-range':
      return `${subject} is invalid, it should be in the range of ${range}`
    case 'positive':
      return `${subject} is invalid, it should be positive`
    case 'power-of-two':
      return profile === '7.2'
        ? `${subject} a power of two no less than the target page size`
        : `${subject} is invalid, it should be bigger than target page size and a power of two`
    case 'value-between':
      return `${subject} a value between ${range.replace(' to ', ' and ')}`
    default:
      if (error.parameter === 'max-bandwidth') return `${subject} an integer in the range of ${range} bytes/second`
      if (error.parameter === 'downtime-limit')
        return profile === '7.2'
          ? `${subject} an integer in the range of 0 to (2000 * 1000) ms`
          : `${subject} an integer in the range of ${range} milliseconds`
      return `${subject} an integer in the range of ${range}`
  }
}

/** Whether `migrate` is refused because a run is going on: the statuses of QEMU's migration_is_running and its like. */
export const isBusy = (status: string): boolean => !['none', 'completed', 'failed', 'cancelled'].includes(status)

/** What 7.2 says when the process takes part in another migration that it has not counted. */
export const duplicateYank = 'duplicate yank instance'

/** Why `migrate` is refused by status and run state. */
export const migrateRefusal = (status: string, guest: string): string =>
  isBusy(status) ? busy : guest === 'inmigrate' ? guestWaits : guest === 'postmigrate' ? guestLeft : busy
