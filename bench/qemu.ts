/**
 * The peer: one QEMU migrates to another over loopback. Both have `-machine none` and a file on /dev/shm as RAM, so
 * there is no firmware, no CPU and no accelerator in the figure; the migration thread does not depend on any of them.
 *
 * Both files are written beforehand and `prealloc` maps them, so that neither side takes a page fault in the timed part.
 */

import { execFile } from 'node:child_process'
import { access, constants, statfs } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Child } from './child.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import { digestOf, randomChunks, writeContents, zeroChunks } from './contents.ts'
import { listAt, numberAt, optionalNumberAt, optionalStringAt, stringAt } from './document.ts'
import { QmpClient, type QmpEvent } from './qmp.ts'
import { Scratch } from './scratch.ts'

const BINARY = 'qemu-system-x86_64'
export const MEMORY_DIRECTORY = '/dev/shm'
/** What has to stay free there beside the two guests' RAM. */
const SPARE_BYTES = 64 << 20

const MAX_BANDWIDTH_BYTES_PER_SECOND = 2 ** 42
const DOWNTIME_LIMIT_MILLIS = 300

const POLL_MILLIS = 5
/** How long after a failure a QEMU that is going to exit because of it may take. */
const LAST_WORDS_MILLIS = 200
const QUIT_LIMIT_MILLIS = 5_000
const VERSION_LIMIT_MILLIS = 10_000

export const isInstalled = async (): Promise<boolean> => {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      await access(join(directory, BINARY), constants.X_OK)
      return true
    } catch {
      // Not in this directory.
    }
  }
  return false
}

const available = async ({ sizeBytes }: Pick<RunOptions, 'sizeBytes'>): Promise<string | undefined> => {
  if (process.platform !== 'linux') return `needs Linux's /proc and ${MEMORY_DIRECTORY}, this is ${process.platform}`
  if (!(await isInstalled())) return `${BINARY} is not in PATH (Debian: apt-get install qemu-system-x86)`
  const { bavail, bsize } = await statfs(MEMORY_DIRECTORY)
  const needBytes = 2 * sizeBytes + SPARE_BYTES
  if (bavail * bsize >= needBytes) return undefined
  return `${MEMORY_DIRECTORY} has ${bavail * bsize} bytes free, two guests' RAM takes ${needBytes}`
}

export const version = async (): Promise<string> => {
  const { stdout } = await promisify(execFile)(BINARY, ['--version'], { timeout: VERSION_LIMIT_MILLIS })
  return stdout.split('\n')[0] ?? ''
}

/** A QEMU and the QMP connection to it. */
export interface Machine {
  readonly process: Child
  readonly qmp: QmpClient
}

/** The directory of the credentials of both sides, where they are to use TLS. */
type Tls = string | undefined

const credentials = (side: 'source' | 'destination', directory: string): string =>
  `tls-creds-x509,id=tls0,dir=${directory},endpoint=${side === 'source' ? 'client' : 'server'}`

export const startMachine = async (
  side: 'source' | 'destination',
  memory: string,
  scratch: Scratch,
  { sizeBytes, signal }: RunOptions,
  tls?: Tls,
): Promise<Machine> => {
  const socket = scratch.file(`${side}.qmp`)
  const memoryObject = `memory-backend-file,id=ram,size=${sizeBytes},mem-path=${memory},share=on,prealloc=on`
  const args = '-nodefaults -no-user-config -display none -S -machine none,memory-backend=ram'.split(' ')
  args.push('-m', `${sizeBytes / 2 ** 20}M`, '-object', memoryObject, '-qmp', `unix:${socket},server=on,wait=off`)
  if (side === 'destination') args.push('-incoming', 'defer')
  if (tls !== undefined) args.push('-object', credentials(side, tls))
  const process = new Child(`qemu ${side}`, BINARY, args, signal)
  // A QEMU that exits at once never listens: connecting has to end with it.
  const exited = new AbortController()
  const watch = process.exit().then(
    () => exited.abort(),
    () => exited.abort(),
  )
  try {
    return { process, qmp: await QmpClient.connect(socket, exited.signal) }
  } catch (error) {
    if (!exited.signal.aborted) throw error
    await watch
    throw process.failure('ended before it answered on its QMP socket')
  } finally {
    if (exited.signal.aborted) await process.stop()
  }
}

export const stopMachine = async ({ process, qmp }: Machine): Promise<void> => {
  const limit = new AbortController()
  const quit = qmp.execute('quit').then(
    () => process.exit().catch(() => null),
    () => null,
  )
  await Promise.race([quit, sleep(QUIT_LIMIT_MILLIS, undefined, { signal: limit.signal, ref: false })])
  limit.abort()
  qmp.close()
  await process.stop()
}

/** Listens on a port of the kernel's choice and says which. */
export const listen = async (qmp: QmpClient): Promise<number> => {
  await qmp.execute('migrate-incoming', { uri: 'tcp:127.0.0.1:0' })
  const [address] = listAt(await qmp.execute('query-migrate'), 'socket-address')
  return Number(stringAt(address, 'port'))
}

const migrationEnded = ({ event, data }: QmpEvent): boolean =>
  event === 'MIGRATION' && ['completed', 'failed', 'cancelled'].includes(stringAt(data, 'status'))

export const awaitCompleted = async (side: string, { qmp }: Machine): Promise<void> => {
  const { data } = await qmp.event(migrationEnded)
  const status = stringAt(data, 'status')
  if (status === 'completed') return
  const reason = optionalStringAt(await qmp.execute('query-migrate'), 'error-desc')
  throw new Error(`qemu ${side}: the migration ended as '${status}'${reason === undefined ? '' : `: ${reason}`}`)
}

/** The source fills in the times shortly after it has announced that it is done; until then total-time is 0. */
export const finalInfo = async (qmp: QmpClient, signal: AbortSignal): Promise<unknown> => {
  for (;;) {
    const info = await qmp.execute('query-migrate')
    if ((optionalNumberAt(info, 'total-time') ?? 0) > 0) return info
    await sleep(POLL_MILLIS, undefined, { signal })
  }
}

/** What both are set to beside what every run has. */
export interface Methods {
  readonly capabilities: readonly string[]
  readonly parameters: Readonly<Record<string, number>>
}

const plain: Methods = { capabilities: [], parameters: {} }

/** Something between the two: where the source connects to, and what it took of the processor so far. */
export interface Between {
  readonly port: number
  readonly cpuSeconds: () => number
  /** Ends when all has passed through; rejects if it did not. */
  readonly ended: Promise<void>
}

/** Puts something in front of the port where the destination waits. */
export type Route = (port: number, signal: AbortSignal) => Promise<Between>

/** Nothing between the two. */
const direct: Route = async (port) => ({ port, cpuSeconds: () => 0, ended: Promise.resolve() })

/** As fast as it goes, and with events. */
export const setUp = async (machines: readonly Machine[], tls?: Tls, methods: Methods = plain): Promise<void> => {
  for (const { qmp } of machines) {
    const capabilities = ['events', ...methods.capabilities].map((capability) => ({ capability, state: true }))
    await qmp.execute('migrate-set-capabilities', { capabilities })
    await qmp.execute('migrate-set-parameters', {
      ...methods.parameters,
      'max-bandwidth': MAX_BANDWIDTH_BYTES_PER_SECOND,
      'downtime-limit': DOWNTIME_LIMIT_MILLIS,
      ...(tls === undefined ? {} : { 'tls-creds': 'tls0', 'tls-hostname': 'localhost' }),
    })
  }
}

const migrate = async (
  source: Machine,
  destination: Machine,
  signal: AbortSignal,
  tls: Tls,
  route: Route,
  methods: Methods,
): Promise<Figure> => {
  await setUp([source, destination], tls, methods)
  const between = await route(await listen(destination.qmp), signal)
  const cpuSeconds = (): number => source.process.cpuSeconds() + destination.process.cpuSeconds() + between.cpuSeconds()
  const cpuBefore = cpuSeconds()
  await source.qmp.execute('migrate', { uri: `tcp:127.0.0.1:${between.port}` })
  await Promise.all([awaitCompleted('source', source), awaitCompleted('destination', destination), between.ended])
  const cpuAfter = cpuSeconds()
  const info = await finalInfo(source.qmp, signal)
  return {
    totalMillis: numberAt(info, 'total-time'),
    downtimeMillis: numberAt(info, 'downtime'),
    cpuSeconds: cpuAfter - cpuBefore,
    bytes: numberAt(info, 'ram', 'transferred'),
  }
}

/** The error, with the last words of whichever QEMU ended of its own accord: a connection that broke says too little. */
export const explained = async (error: Error, machines: readonly Machine[]): Promise<Error> => {
  const endings = machines.map(async ({ process }) => {
    const ended = process.exit().then(() => process.failure('ended during the migration').message)
    return Promise.race([ended, sleep(LAST_WORDS_MILLIS, undefined)])
  })
  const lastWords = (await Promise.all(endings)).filter((ending) => ending !== undefined)
  return new Error([error.message, ...lastWords].join('; '), { cause: error })
}

const migrateOnce = async (
  memory: { source: string; destination: string },
  scratch: Scratch,
  options: RunOptions,
  tls: Tls,
  route: Route,
  methods: Methods,
) => {
  const destination = await startMachine('destination', memory.destination, scratch, options, tls)
  try {
    const source = await startMachine('source', memory.source, scratch, options, tls)
    try {
      return await migrate(source, destination, options.signal, tls, route, methods)
    } catch (error) {
      throw await explained(error as Error, [source, destination])
    } finally {
      await stopMachine(source)
    }
  } finally {
    await stopMachine(destination)
  }
}

const run = async (options: RunOptions, tls: Tls, route: Route, methods: Methods): Promise<Figure> => {
  const { sizeBytes, seed, signal } = options
  const scratch = new Scratch(MEMORY_DIRECTORY)
  try {
    const memory = { source: scratch.file('source.ram'), destination: scratch.file('destination.ram') }
    await writeContents(memory.source, randomChunks(seed, sizeBytes), signal)
    await writeContents(memory.destination, zeroChunks(sizeBytes), signal)
    const figure = await migrateOnce(memory, scratch, options, tls, route, methods)
    const verified = (await digestOf(memory.source, signal)) === (await digestOf(memory.destination, signal))
    return { ...figure, verified }
  } finally {
    scratch.remove()
  }
}

/** The peer, over TLS where a directory of credentials is given. */
export const qemuWith = (
  tls: () => Tls,
  name = 'qemu',
  route: Route = direct,
  methods: Methods = plain,
): Contender => ({
  name,
  available,
  version,
  run: (options) => run(options, tls(), route, methods),
})

export const qemu: Contender = qemuWith(() => undefined)
