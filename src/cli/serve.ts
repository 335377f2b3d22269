/**
 * `switchover serve`: one end of a migration behind a QMP socket, a double of QEMU for whoever speaks QMP. It holds a
 * guest, or waits for one, until it is told to quit.
 */
import { Console, Effect, Option, Stream } from 'effect'
import { Command, Flag } from 'effect/cli'
import type { Profile } from '../../machines/index.ts'
import { outgoingStatus } from '../core/index.ts'
import type { DescriptorTable } from '../channel/descriptor.ts'
import { parseQmpAddress } from '../qmp/address.ts'
import { qmpServer } from '../qmp/server.ts'
import { makeMigrationProcess, type MigrationProcess } from '../transfer/migration-process.ts'
import { coloFlags, coloOptions, type ColoFlags } from './colo-options.ts'
import { descriptorTable } from './descriptors.ts'
import { driveFlag, driveOptions, openDrives } from './drive-option.ts'
import { Failure, WrongUsage } from './failure.ts'
import { hostCommands, loadFailed } from './incoming-end.ts'
import { objectArguments } from './object-option.ts'
import { quirksOfProcess } from './quirk-option.ts'
import { bootStage, guestProgram, guestSpec, realPlatformWith, setStage } from './stage.ts'

interface Options extends ColoFlags {
  readonly qmp: string
  readonly guest: string
  readonly incoming: Option.Option<string>
  readonly drive: readonly string[]
  readonly fd: readonly string[]
  readonly object: readonly string[]
  readonly profile: Profile
  readonly quirk: readonly string[]
  readonly name: Option.Option<string>
  readonly paused: boolean
  readonly json: boolean
}

/** How long a migration that is cancelled because this process has to end may take to wind down. */
const CANCEL_PATIENCE = '5 seconds'

const isOver = (status: string): boolean => ['none', 'completed', 'failed', 'cancelled'].includes(status)

/** Who ends this process must not leave a migration half done; whoever listens is told why it ends. */
const cancelAndWait = (migration: MigrationProcess) =>
  Effect.gen(function* () {
    // In lock-step there is nothing to cancel: the secondary can take over, as it can when this process is killed.
    if (outgoingStatus(yield* migration.state) !== 'colo')
      yield* migration.execute('migrate_cancel').pipe(
        Effect.andThen(
          migration.states.pipe(
            Stream.filter((state) => isOver(outgoingStatus(state))),
            Stream.take(1),
            Stream.runDrain,
          ),
        ),
        Effect.timeoutOption(CANCEL_PATIENCE),
        Effect.ignore,
      )
    yield* migration.guestFact('host.signal')
    yield* migration.ended
  })

const announce = (options: Options, kind: 'qmp' | 'incoming', address: string) => {
  const text = kind === 'qmp' ? `QMP on ${address}` : `waiting for a migration on ${address}`
  return Effect.andThen(
    Console.error(`switchover: ${text}`),
    options.json ? Console.log(JSON.stringify({ [kind]: address })) : Effect.void,
  )
}

const addObject = (migration: MigrationProcess, text: string, profile: Profile) =>
  Effect.gen(function* () {
    const given = objectArguments(text, profile)
    if (typeof given === 'string') return yield* new WrongUsage({ reason: `--object ${text}: ${given}` })
    yield* migration
      .execute('object-add', given)
      .pipe(Effect.mapError(({ desc }) => new Failure({ reason: `--object ${text}: ${desc}` })))
  })

const run = Effect.fn('serve')(function* (options: Options, descriptors: DescriptorTable) {
  const { profile } = options
  if (parseQmpAddress(options.qmp) === undefined)
    return yield* new WrongUsage({ reason: `--qmp: expected unix:PATH or tcp:HOST:PORT, found ${options.qmp}` })
  const quirks = yield* quirksOfProcess(options.quirk, profile)
  const spec = yield* guestSpec(options.guest)
  const incoming = Option.getOrUndefined(options.incoming)
  const stage = yield* setStage(yield* guestProgram(spec, incoming === undefined))
  if (incoming === undefined) bootStage(stage)
  const colo = yield* coloOptions(options, stage)
  if (options.drive.length > 0 && options.disk.length > 0)
    return yield* new WrongUsage({ reason: 'expected --drive or --disk: a guest writes to one of them' })
  const drives = yield* openDrives(yield* driveOptions(options.drive), spec, incoming !== undefined)
  const migration = yield* makeMigrationProcess({
    ...colo.options,
    guest: stage.guest,
    profile,
    quirks,
    autostart: !options.paused,
    descriptors,
    ...(drives === undefined ? {} : { drives }),
    ...(incoming === undefined ? {} : { incoming: 'defer' }),
  })
  yield* Effect.forEach(options.object, (text) => addObject(migration, text, profile))
  if (incoming !== undefined && incoming !== 'defer')
    yield* migration
      .execute('migrate-incoming', { uri: incoming })
      .pipe(Effect.mapError(({ desc }) => new Failure({ reason: `--incoming ${incoming}: ${desc}` })))
  const server = yield* qmpServer(migration, {
    address: options.qmp,
    extra: {
      ...hostCommands(stage, migration),
      'x-switchover-network': () => Effect.sync(() => migration.network()),
      'x-switchover-checkpoints': () => Effect.sync(() => colo.checkpoints.splice(0)),
    },
    ...Option.match(options.name, { onNone: () => ({}), onSome: (name) => ({ name }) }),
  })
  yield* announce(options, 'qmp', server.address)
  if (incoming !== undefined)
    yield* Effect.forkScoped(Effect.flatMap(migration.address, (address) => announce(options, 'incoming', address)))
  yield* Effect.raceFirst(migration.ended, loadFailed(migration)).pipe(
    Effect.onInterrupt(() => cancelAndWait(migration)),
  )
})

/** The subcommand. */
export const serve = Command.make(
  'serve',
  {
    qmp: Flag.String('qmp').pipe(
      Flag.withDescription('where to listen: unix:PATH or tcp:HOST:PORT; port 0: any that is free'),
      Flag.withDefault('tcp:127.0.0.1:0'),
    ),
    guest: Flag.String('guest').pipe(
      Flag.withDescription('as for migrate'),
      Flag.withDefault('write:size=16M,working-set=1M,rate=1000'),
    ),
    incoming: Flag.String('incoming').pipe(
      Flag.withDescription('wait for a guest: at this URI, or where migrate-incoming says (defer)'),
      Flag.optional,
    ),
    drive: driveFlag,
    fd: Flag.String('fd').pipe(
      Flag.withDescription(
        'NAME=NUMBER: a descriptor that this process was started with, for fd:NAME; may be repeated',
      ),
      Flag.atLeast(0),
    ),
    object: Flag.String('object').pipe(
      Flag.withDescription(
        'tls-creds-x509,id=ID,dir=DIR,endpoint=client or server: credentials for the parameter tls-creds; may be repeated',
      ),
      Flag.atLeast(0),
    ),
    profile: Flag.Literals('profile', ['2.11', '7.2']).pipe(
      Flag.withDescription('the version of QEMU to be a double of'),
      Flag.withDefault('2.11' as const),
    ),
    quirk: Flag.String('quirk').pipe(
      Flag.withDescription('a known defect of that QEMU to show, by its id, or all; may be repeated'),
      Flag.atLeast(0),
    ),
    name: Flag.String('name').pipe(Flag.withDescription('what query-name answers'), Flag.optional),
    paused: Flag.Boolean('paused').pipe(
      Flag.withAlias('S'),
      Flag.withDescription('do not start the guest'),
      Flag.withDefault(false),
    ),
    json: Flag.Boolean('json').pipe(
      Flag.withDescription('the addresses on stdout, one JSON line each'),
      Flag.withDefault(false),
    ),
    ...coloFlags,
  },
  (options) =>
    Effect.gen(function* () {
      const descriptors = yield* descriptorTable(options.fd, Option.getOrUndefined(options.incoming))
      yield* run(options, descriptors).pipe(Effect.provide(realPlatformWith({ descriptors })))
    }).pipe(Effect.scoped),
).pipe(
  Command.withDescription(
    'One end of a migration behind a QMP socket, until quit: exit code 0, or 1 when an incoming migration has failed',
  ),
)
