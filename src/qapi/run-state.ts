/**
 * RunState: what the guest's processors are doing, and `query-status`, which reports it. It belongs to `qapi/run-state.json`
 * of 2.11 and not to the migration schema, but a migration moves through it at every step. The order is the same in 7.2.
 */
import { Schema } from 'effect'
import { enumeration, required } from './documentation.ts'
import { Bool } from './scalar.ts'

/** The sixteen run states. Source: `RunState` of `qapi/run-state.json`, 2.11. */
export const RunState = enumeration({
  name: 'RunState',
  since: '0.14',
  description: 'What the guest is doing.',
  literals: [
    'debug',
    'inmigrate',
    'internal-error',
    'io-error',
    'paused',
    'postmigrate',
    'prelaunch',
    'finish-migrate',
    'restore-vm',
    'running',
    'save-vm',
    'shutdown',
    'suspended',
    'watchdog',
    'guest-panicked',
    'colo',
  ],
  members: {
    debug: { description: 'Stopped by a debugger.', since: '0.14' },
    inmigrate: { description: 'Stopped, waiting for an incoming migration or receiving it.', since: '0.14' },
    'internal-error': { description: 'Stopped by an error inside QEMU that cannot be continued from.', since: '0.14' },
    'io-error': { description: 'Stopped because a block device failed and asked for it.', since: '0.14' },
    paused: { description: 'Stopped by the stop command.', since: '0.14' },
    postmigrate: { description: 'Stopped after the guest was migrated away.', since: '0.14' },
    prelaunch: { description: 'Started with -S and never run yet.', since: '0.14' },
    'finish-migrate': { description: 'Stopped for the last part of a migration.', since: '0.14' },
    'restore-vm': { description: 'Stopped while a snapshot is being loaded.', since: '0.14' },
    running: { description: 'The guest runs.', since: '0.14' },
    'save-vm': { description: 'Stopped while a snapshot or device state is being saved.', since: '0.14' },
    shutdown: { description: 'The guest has shut down and QEMU was told to stay.', since: '0.14' },
    suspended: { description: 'The guest is suspended to RAM.', since: '0.14' },
    watchdog: { description: 'Stopped by a watchdog device.', since: '0.14' },
    'guest-panicked': { description: 'Stopped because the guest reported a panic.', since: '1.5' },
    colo: { description: 'Stopped for a COLO checkpoint.', since: '2.8' },
  },
})
/** A member of {@link RunState}. */
export type RunState = (typeof RunState)['Type']

/** What `query-status` returns. Source: `StatusInfo` of `qapi/run-state.json`, 2.11 and 7.2 alike. */
export const StatusInfo = Schema.Struct({
  running: required(Bool, { description: 'Whether the guest runs.', since: '0.14', unit: 'none' }),
  singlestep: required(Bool, {
    description: 'Whether it runs one instruction at a time.',
    since: '0.14',
    unit: 'none',
  }),
  status: required(RunState, { description: 'The run state.', since: '0.14', unit: 'none' }),
}).annotate({ identifier: 'StatusInfo', description: 'Whether the guest runs, and why not.', since: '0.14' })
/** See {@link StatusInfo}. */
export type StatusInfo = (typeof StatusInfo)['Type']
