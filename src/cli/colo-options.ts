/** What `serve` takes for COLO: where the guest's packets go, its replicated disks, a fence, and hashes to compare. */
import { Console, Effect, Option, type Scope } from 'effect'
import { Flag } from 'effect/cli'
import { ChildProcess, ChildProcessSpawner } from 'effect/process'
import { parseUri } from '../core/index.ts'
import type { Transport } from '../channel/transport.ts'
import { sha256 } from '../memory/node.ts'
import { clientUplink } from '../transfer/colo/uplink.ts'
import { primaryDisk, secondaryDisk, type ReplicationNode } from '../transfer/disk/replicated-disk.ts'
import type { MigrationProcessOptions } from '../transfer/migration-process.ts'
import { Failure, WrongUsage } from './failure.ts'
import { splitOption } from './object-option.ts'
import type { Stage } from './stage.ts'

/** The flags. */
export const coloFlags = {
  uplink: Flag.String('uplink').pipe(
    Flag.withDescription(
      'where the client of the guest listens: it says with 8 bytes, big-endian, which packet it waits for, and is sent that and all that follow',
    ),
    Flag.optional,
  ),
  compare: Flag.String('compare').pipe(
    Flag.withDescription(
      'where a COLO primary takes the packets of its secondary to compare them; tcp:HOST:PORT, port 0: any that is free',
    ),
    Flag.optional,
  ),
  disk: Flag.String('disk').pipe(
    Flag.withDescription(
      'a replicated disk: primary,image=FILE,mirror=URI or secondary,image=FILE,active=FILE,hidden=FILE,mirror=URI; may be repeated, the guest writes to the first',
    ),
    Flag.atLeast(0),
  ),
  fence: Flag.String('fence').pipe(
    Flag.withDescription('a command that ends with 0 once the other side is dead or cut off; no failover without'),
    Flag.optional,
  ),
  patience: Flag.Int('colo-patience').pipe(
    Flag.withDescription('milliseconds after which a COLO peer that does not answer is lost'),
    Flag.withDefault(10_000),
  ),
  hashCheckpoints: Flag.Boolean('hash-checkpoints').pipe(
    Flag.withDescription('hash memory at each checkpoint, for x-switchover-checkpoints; makes each take longer'),
    Flag.withDefault(false),
  ),
}

/** Their values. */
export interface ColoFlags {
  readonly uplink: Option.Option<string>
  readonly compare: Option.Option<string>
  readonly disk: readonly string[]
  readonly fence: Option.Option<string>
  readonly patience: number
  readonly hashCheckpoints: boolean
}

/** A disk as its option has it. */
export type DiskOption =
  | { readonly role: 'primary'; readonly image: string; readonly mirror: string }
  | {
      readonly role: 'secondary'
      readonly image: string
      readonly active: string
      readonly hidden: string
      readonly mirror: string
    }

const FILES = { primary: ['image', 'mirror'], secondary: ['image', 'active', 'hidden', 'mirror'] } as const

const isSocket = (uri: string): boolean => {
  const transport = parseUri(uri)?.transport
  return transport === 'tcp' || transport === 'unix'
}

/** Reads the option of a disk; a text says what is wrong with it. */
export const diskOption = (text: string): DiskOption | string => {
  const [role = '', ...rest] = splitOption(text)
  if (role !== 'primary' && role !== 'secondary') return `expected primary or secondary, found ${JSON.stringify(role)}`
  const given = new Map(rest.map((part) => [part.split('=', 1)[0]!, part.slice(part.indexOf('=') + 1)] as const))
  const wanted: readonly string[] = FILES[role]
  const stray = [...given.keys()].find((name) => !wanted.includes(name))
  const missing = wanted.find((name) => (given.get(name) ?? '') === '')
  if (stray !== undefined || missing !== undefined || given.size !== rest.length)
    return `expected ${wanted.map((name) => `${name}=`).join(', ')} once each, found ${JSON.stringify(rest.join())}`
  const [image, mirror] = [given.get('image')!, given.get('mirror')!]
  if (!isSocket(mirror)) return `expected a tcp: or unix: address as mirror, found ${JSON.stringify(mirror)}`
  if (role === 'primary') return { role, image, mirror }
  return { role, image, mirror, active: given.get('active')!, hidden: given.get('hidden')! }
}

const wrongUsage = (flag: string, text: string, reason: string): WrongUsage =>
  new WrongUsage({ reason: `--${flag} ${text}: ${reason}` })

const checkSocket = (flag: string, uri: string | undefined) =>
  uri === undefined || isSocket(uri)
    ? Effect.void
    : Effect.fail(wrongUsage(flag, uri, 'expected tcp:HOST:PORT or unix:PATH'))

const openDisk = (text: string): Effect.Effect<ReplicationNode, Failure | WrongUsage, Transport | Scope.Scope> => {
  const option = diskOption(text)
  if (typeof option === 'string') return Effect.fail(wrongUsage('disk', text, option))
  const { image: path, mirror: mirrorUri } = option
  const opened =
    option.role === 'primary'
      ? primaryDisk({ path, mirrorUri })
      : secondaryDisk({ path, activePath: option.active, hiddenPath: option.hidden, mirrorUri })
  return Effect.mapError(opened, ({ message }) => new Failure({ reason: `--disk ${text}: ${message}` }))
}

/** Runs the command in a shell; who cannot be asked has confirmed nothing. */
const commandFence = (command: string) =>
  Effect.gen(function* () {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    return Effect.gen(function* () {
      const handle = yield* spawner.spawn(
        ChildProcess.make('/bin/sh', ['-c', command], { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' }),
      )
      return (yield* handle.exitCode) === 0
    }).pipe(
      Effect.scoped,
      Effect.catch((error) => Effect.as(Console.error(`switchover: the fence: ${error.message}`), false)),
    )
  })

/** One checkpoint: what the guest had done, and a hash of its memory. */
export interface HashedCheckpoint {
  readonly role: 'primary' | 'secondary'
  readonly counter: number
  readonly sha256: string
}

/** Hashes that are kept until they are asked for; the oldest go first. */
const CHECKPOINTS_MAX = 1000

/** What a process is made with beside its guest, and what hashes there are. */
export const coloOptions = (options: ColoFlags, { guest, memory }: Stage) =>
  Effect.gen(function* () {
    const [uplink, compareUri, fence] = [options.uplink, options.compare, options.fence].map(Option.getOrUndefined)
    yield* checkSocket('uplink', uplink)
    yield* checkSocket('compare', compareUri)
    const disks = yield* Effect.forEach(options.disk, openDisk)
    const checkpoints: HashedCheckpoint[] = []
    const hash: NonNullable<MigrationProcessOptions['onCheckpoint']> = (role) =>
      Effect.map(guest.counter, (counter) => {
        checkpoints.push({ role, counter, sha256: sha256(memory) })
        if (checkpoints.length > CHECKPOINTS_MAX) checkpoints.shift()
      })
    const made = {
      disks,
      coloPatienceMillis: options.patience,
      network: {
        ...(uplink === undefined ? {} : { uplink: yield* clientUplink(uplink) }),
        ...(compareUri === undefined ? {} : { compareUri }),
      },
      ...(fence === undefined ? {} : { fence: yield* commandFence(fence) }),
      ...(options.hashCheckpoints ? { onCheckpoint: hash } : {}),
    } satisfies Partial<MigrationProcessOptions>
    return { options: made, checkpoints }
  })
