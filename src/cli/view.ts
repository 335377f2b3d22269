/**
 * `switchover view`: charts, recordings, counterexamples and live processes in the browser, from this machine or as one file
 * that works wherever it is taken.
 */
import { Console, Effect, FileSystem, Option } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { ChildProcess, ChildProcessSpawner } from 'effect/process'
import { parseQmpAddress } from '../qmp/address.ts'
import { packedLibrary } from '../view/library-cache.ts'
import { watchProcesses } from '../view/live-log.ts'
import { openFiles } from '../view/open-files.ts'
import { pageFile } from '../view/page-file.ts'
import { servePage } from '../view/page-server.ts'
import { readViewFiles } from '../view/view-files.ts'
import { Failure, WrongUsage } from './failure.ts'

interface Options {
  readonly files: readonly string[]
  readonly output: Option.Option<string>
  readonly qmp: readonly string[]
  readonly poll: number
  readonly events: boolean
  readonly port: number
  readonly open: boolean
  readonly json: boolean
}

/** Parties in the order of their addresses; an address may name its party. */
const partiesOf = (addresses: readonly string[]): Effect.Effect<ReadonlyMap<string, string>, WrongUsage> =>
  Effect.gen(function* () {
    const parties = new Map<string, string>()
    for (const [index, text] of addresses.entries()) {
      const [, name, address = text] = /^([a-z][a-z0-9]*)=(.*)$/.exec(text) ?? []
      if (parseQmpAddress(address) === undefined)
        return yield* new WrongUsage({ reason: `--qmp: expected unix:PATH or tcp:HOST:PORT, found ${text}` })
      parties.set(name ?? (index === 0 ? 'src' : index === 1 ? 'dst' : `dst${index}`), address)
    }
    return parties
  })

/** The charts are laid out when they are first needed, which takes some seconds. */
const charts = Effect.promise(() => packedLibrary(() => console.error('switchover: laying out the charts, this once')))

const readAll = Effect.fn('view.read')(function* (paths: readonly string[]) {
  const files = yield* readViewFiles(paths)
  const { items, problems } = openFiles(files)
  const [problem] = problems
  if (problem !== undefined) return yield* new Failure({ reason: `${problem.name}: ${problem.reason}` })
  return { files, items }
})

const writeFile = Effect.fn('view.write')(function* (path: string, options: Options) {
  if (options.qmp.length > 0)
    return yield* new WrongUsage({
      reason: '--output: expected recordings, found --qmp: a file cannot follow a process',
    })
  const { files, items } = yield* readAll(options.files)
  yield* charts
  const html = yield* Effect.promise(() => pageFile({ files }))
  yield* (yield* FileSystem.FileSystem).writeFileString(path, html)
  yield* options.json
    ? Console.log(JSON.stringify({ file: path, bytes: Buffer.byteLength(html), items: items.map(({ name }) => name) }))
    : Console.error(`switchover: wrote ${path}, ${items.length} items`)
})

const openers: Readonly<Record<string, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

/** Asks the system to show an address; where it cannot, the address has been printed. */
const openInBrowser = (url: string) =>
  Effect.gen(function* () {
    const [command = '', ...args] = openers[process.platform] ?? ['xdg-open']
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const handle = yield* spawner.spawn(
      ChildProcess.make(command, [...args, url], { stdout: 'ignore', stderr: 'ignore' }),
    )
    yield* handle.exitCode
  }).pipe(Effect.scoped, Effect.ignore)

const serveUntilInterrupted = Effect.fn('view.serve')(function* (options: Options) {
  const processes = yield* partiesOf(options.qmp)
  const { files } = yield* readAll(options.files)
  yield* charts
  const live =
    processes.size === 0
      ? undefined
      : yield* watchProcesses({ processes, poll: options.poll, switchEventsOn: options.events })
  const url = yield* servePage({
    port: options.port,
    page: (path) =>
      pageFile({ files, ...(live === undefined ? {} : { live: { parties: [...processes.keys()], path } }) }),
    ...(live === undefined ? {} : { live }),
  })
  yield* Console.error(`switchover: ${url}`)
  if (options.json) yield* Console.log(JSON.stringify({ url }))
  if (options.open) yield* Effect.forkScoped(openInBrowser(url))
  return yield* Effect.never
})

export const view = Command.make(
  'view',
  {
    files: Argument.File('file', { mustExist: true }).pipe(
      Argument.withDescription(
        'recordings (any file of a scenario), logs of socat -v or libvirt, ITF, state graphs, kill matrices',
      ),
      Argument.variadic(),
    ),
    output: Flag.String('output').pipe(
      Flag.withAlias('o'),
      Flag.withDescription('write the page as one HTML file that needs nothing else, and end'),
      Flag.optional,
    ),
    qmp: Flag.String('qmp').pipe(
      Flag.withDescription(
        'follow a live process: [PARTY=]unix:PATH or tcp:HOST:PORT; the first is the source, the second the destination',
      ),
      Flag.atLeast(0),
    ),
    poll: Flag.Int('poll').pipe(
      Flag.withDescription('milliseconds between two query-migrate to a live process'),
      Flag.withDefault(500),
    ),
    events: Flag.Boolean('events').pipe(
      Flag.withDescription('switch the capability events of the live process on; --no-events leaves it as it is'),
      Flag.withDefault(true),
    ),
    port: Flag.Int('port').pipe(Flag.withDescription('where to serve; 0: any that is free'), Flag.withDefault(0)),
    open: Flag.Boolean('open').pipe(
      Flag.withDescription('open the browser'),
      Flag.withDefault(process.stdout.isTTY === true),
    ),
    json: Flag.Boolean('json').pipe(
      Flag.withDescription('the address, or the file, as one JSON line on stdout'),
      Flag.withDefault(false),
    ),
  },
  (options) =>
    Option.match(options.output, {
      onNone: () => serveUntilInterrupted(options),
      onSome: (path) => writeFile(path, options),
    }).pipe(Effect.scoped),
).pipe(
  Command.withDescription(
    'Charts, recordings and live processes in the browser: what was said, which states it led to, where it left the model',
  ),
)
