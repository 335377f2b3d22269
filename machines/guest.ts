/**
 * The run state of a guest, as far as a migration meets it (qapi/run-state.json). Only this chart says whether vCPUs
 * run. A migration asks it through the synchronisations `vm.*`; the manager through stop and cont.
 */
import { variantOf, type ChartOptions } from './profile.ts'
import { chart, initialContext, remember, synchronise, type StoppableRunState } from './vocabulary.ts'

/** How a process is started, as far as its guest is concerned. */
export interface GuestOptions extends ChartOptions {
  /** Started with `-incoming`: the guest waits to arrive. Default false. */
  readonly incoming?: boolean
  /** False: started with `-S`. Default true. */
  readonly autostart?: boolean
}

const source = (member: string, where = 'qapi/run-state.json') => ({ source: `RunState.${member}; ${where}` })

const resumes = { target: 'running', actions: ['startGuest' as const, 'emitResume' as const] }

/**
 * Before a vCPU runs, the images are taken: two steps, as the images have to be held when the guest starts (I3). A guest of
 * which only a part has arrived never runs: QEMU ends the process there.
 */
const acquiresAndRuns = { guard: 'isWhole' as const, actions: [synchronise.acquire, synchronise.run] }

/** A stopped run state that a migration may meet, and return to; and that a guest can be started from. */
const stoppable = (state: StoppableRunState, forgetsInColo: boolean) => ({
  'vm.finish-migrate': { target: 'finish-migrate', actions: remember.before(state) },
  'vm.colo-stop': { target: 'colo', actions: remember.before(forgetsInColo ? 'running' : state) },
  'vm.run': resumes,
})

/** Back to where a checkpoint found the guest, or where the source's was when it arrived. */
const asBefore = [
  { ...resumes, guard: 'beforeRunning' as const },
  { target: 'prelaunch', guard: 'beforePrelaunch' as const },
  { target: 'suspended', guard: 'beforeSuspended' as const },
  { target: 'io-error', guard: 'beforeIoError' as const },
  { target: 'shutdown', guard: 'beforeShutdown' as const },
  { target: 'postmigrate', guard: 'beforePostmigrate' as const },
  { target: 'paused' },
] as const

/** The chart's states; `process` places them beside the other charts. */
export const guestRegion = (options: GuestOptions = {}) => {
  const variant = variantOf(options)
  const stopped = (state: StoppableRunState) => stoppable(state, variant.has('h30'))
  const takesOver = variant.has('q12') ? 'paused' : asBefore
  const restored = (
    state: StoppableRunState,
    guard: 'beforePrelaunch' | 'beforeSuspended' | 'beforeIoError' | 'beforeShutdown',
  ) => ({ target: variant.has('h4') ? 'postmigrate' : state, guard }) as const
  return chart.createStateConfig({
    description: 'The run state of the guest.',
    // A guest that does not run stays as it is while its devices are saved.
    on: { 'xen-save-devices-state': { actions: 'saveDevices' as const } },
    initial: options.incoming ? 'inmigrate' : options.autostart === false ? 'prelaunch' : 'running',
    states: {
      prelaunch: {
        description: 'Started with -S, or reset after it was stopped; no vCPU has run yet.',
        meta: source('prelaunch'),
        on: { cont: acquiresAndRuns, ...stopped('prelaunch') },
      },
      running: {
        description: 'The vCPUs run. The image locks must be held.',
        meta: source('running'),
        on: {
          stop: { target: 'paused', actions: ['stopGuest', 'emitStop'] },
          'vm.finish-migrate': {
            target: 'finish-migrate',
            actions: [remember.before('running'), 'stopGuest', 'emitStop'],
          },
          'vm.colo-stop': { target: 'colo', actions: [remember.before('running'), 'stopGuest', 'emitStop'] },
          'xen-save-devices-state': { target: 'save-vm', actions: ['stopGuest', 'emitStop'] },
          'guest.shutdown': { target: 'shutdown', actions: ['stopGuest', 'emitStop'] },
          'guest.suspended': 'suspended',
          'guest.io-error': { target: 'io-error', actions: ['stopGuest', 'emitStop'] },
          'vm.lose': { target: 'internal-error', actions: ['stopGuest', 'emitStop'] },
        },
      },
      'internal-error': {
        description: 'A part of its memory will never come: it ran here in postcopy, and does not run again.',
        meta: source('internal-error'),
      },
      'save-vm': {
        description: 'Stopped for xen-save-devices-state, as long as it takes to read the devices; then it runs on.',
        meta: source('save-vm', 'qmp_xen_save_devices_state'),
        entry: ['saveDevices', synchronise.run],
        on: { 'vm.run': resumes },
      },
      paused: {
        description: 'Stopped by the manager.',
        meta: source('paused'),
        on: {
          cont: acquiresAndRuns,
          system_reset: 'prelaunch',
          ...stopped('paused'),
          // Started and stopped again under a migration that still believes the guest to be where it left it.
          ...(variant.has('q15') ? { 'vm.postmigrate': 'postmigrate' } : {}),
        },
      },
      suspended: {
        description: 'Asleep by the guest’s own wish; a wake-up brings it back.',
        meta: source('suspended'),
        on: { 'guest.wakeup': acquiresAndRuns, stop: 'paused', ...stopped('suspended') },
      },
      'io-error': {
        description: 'Stopped because of an I/O error.',
        meta: source('io-error'),
        on: { cont: acquiresAndRuns, system_reset: 'prelaunch', ...stopped('io-error') },
      },
      shutdown: {
        description: 'The guest has shut down; it has to be reset before it can run.',
        meta: source('shutdown'),
        on: {
          system_reset: 'prelaunch',
          'vm.finish-migrate': { target: 'finish-migrate', actions: remember.before('shutdown') },
          'vm.colo-stop': { target: 'colo', actions: remember.before('shutdown') },
        },
      },
      'finish-migrate': {
        description: 'Stopped by the migration itself; its images may be on their way to the destination.',
        meta: source('finish-migrate', 'migration_completion, postcopy_start'),
        on: {
          'vm.restore': [
            { ...resumes, guard: 'beforeRunning' },
            restored('prelaunch', 'beforePrelaunch'),
            restored('suspended', 'beforeSuspended'),
            restored('io-error', 'beforeIoError'),
            restored('shutdown', 'beforeShutdown'),
            { target: 'postmigrate', guard: 'beforePostmigrate' },
            { target: variant.has('h4') ? 'postmigrate' : 'paused' },
          ],
          'vm.postmigrate': 'postmigrate',
          'vm.colo-stop': 'colo',
          'vm.colo-resume': variant.has('h30') ? resumes : asBefore,
          ...(variant.has('h29')
            ? {}
            : { stop: { guard: 'beforeRunning' as const, actions: remember.before('paused') } }),
          ...(variant.has('q15') ? { cont: acquiresAndRuns, 'vm.run': resumes } : {}),
          system_reset: variant.has('q15') ? 'prelaunch' : {},
        },
      },
      postmigrate: {
        description: 'The guest has left. Whether it may run here again is the operator’s decision.',
        meta: source('postmigrate', 'migration_iteration_finish'),
        on: {
          cont: acquiresAndRuns,
          system_reset: 'prelaunch',
          ...stopped('postmigrate'),
        },
      },
      colo: {
        description: 'Stopped for a checkpoint or a failover.',
        meta: source('colo', 'since 2.8'),
        on: {
          'vm.colo-stop': {},
          'vm.colo-resume': asBefore,
          'vm.take-over': takesOver,
          ...(variant.has('h30')
            ? {}
            : {
                // The guest does not move until the checkpoint or the failover is through; then it obeys.
                stop: { guard: 'beforeRunning' as const, actions: remember.before('paused') },
                cont: (['beforePaused', 'beforePrelaunch'] as const).map((guard) => ({
                  guard,
                  actions: [remember.before('running'), synchronise.acquire],
                })),
              }),
        },
      },
      inmigrate: {
        description: 'Waiting for a guest to arrive. stop and cont only decide whether it will be started.',
        meta: source('inmigrate', 'process_incoming_migration_bh'),
        on: {
          stop: { actions: remember.autostart(false) },
          cont: { actions: remember.autostart(true) },
          'vm.arrive': [
            { ...resumes, guard: 'arrivesRunning' },
            { target: 'prelaunch', guard: 'arrivesPrelaunch' },
            { target: 'postmigrate', guard: 'arrivesPostmigrate' },
            { target: 'suspended', guard: 'arrivesSuspended' },
            { target: 'io-error', guard: 'arrivesIoError' },
            { target: 'shutdown', guard: 'arrivesShutdown' },
            { target: 'paused' },
          ],
          'incoming.start': [
            { ...resumes, guard: 'startsRunning' },
            { target: 'paused', guard: 'incomingPostcopy' },
          ],
          'vm.colo-stop': {},
          'vm.colo-resume': asBefore,
          'vm.take-over': takesOver,
        },
      },
    },
  })
}

/** The guest chart on its own. */
export const guestMachine = (options: GuestOptions = {}) =>
  chart.createMachine({
    id: 'guest',
    context: { ...initialContext, autostart: options.autostart ?? true },
    ...guestRegion(options),
  })
