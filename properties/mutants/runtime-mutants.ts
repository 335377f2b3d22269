/** Seeded bugs of the runtime, each put in through what a {@link RuntimeSystem} is made of. */
import { Effect, Layer, Scope, Stream } from 'effect'
import type { QuirkId } from '../../machines/index.ts'
import { Transport } from '../../src/channel/transport.ts'
import { simulatedTransport } from '../../src/channel/simulated-transport.ts'
import { outgoingStatus } from '../../src/core/index.ts'
import {
  CommandRefused,
  makeMigrationProcess,
  type MigrationProcess,
  type MigrationProcessOptions,
  type TimedEvent,
} from '../../src/transfer/migration-process.ts'
import type { OutgoingReport } from '../../src/transfer/order.ts'
import { ourRuntime, type RuntimeSystem } from '../worlds/runtime-world.ts'
import { ForgetfulLog, StaleLog, withLog } from './logs.ts'
import type { Mutant } from './mutant.ts'
import { withLink, withOutgoing, withReports } from './seeded-engine.ts'

/** A process that behaves otherwise towards its manager. */
export const withProcess = (
  name: string,
  wrap: (
    process: MigrationProcess,
    options: MigrationProcessOptions,
  ) => Effect.Effect<MigrationProcess, never, Scope.Scope>,
  change: (options: MigrationProcessOptions) => MigrationProcessOptions = (options) => options,
): RuntimeSystem => ({
  ...ourRuntime,
  name,
  makeProcess: (options) => Effect.flatMap(makeMigrationProcess(change(options)), (process) => wrap(process, options)),
})

/** A process with a known defect of a real QEMU. */
export const withQuirk = (quirk: QuirkId): RuntimeSystem =>
  withProcess(quirk, Effect.succeed, (options) => ({ ...options, quirks: [quirk] }))

/** A process that answers one command in another way. */
const answering = (
  name: string,
  command: string,
  answer: (
    process: MigrationProcess,
    args: unknown,
    real: Effect.Effect<unknown, CommandRefused>,
  ) => Effect.Effect<unknown, CommandRefused>,
): RuntimeSystem =>
  withProcess(name, (process) =>
    Effect.succeed({
      ...process,
      execute: (asked, args) => {
        const real = process.execute(asked, args)
        return asked === command ? answer(process, args, real) : real
      },
    }),
  )

const withEvents = (name: string, change: (event: TimedEvent) => readonly TimedEvent[]): RuntimeSystem =>
  withProcess(name, (process) =>
    Effect.succeed({
      ...process,
      events: process.events.pipe(Stream.flatMap((event) => Stream.fromIterable(change(event)))),
    }),
  )

const isStatus = ({ event }: TimedEvent, status: string): boolean =>
  event.event === 'MIGRATION' && event.data.status === status

const without = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).filter(([key]) => key !== name))
    : value

const withRam = (
  news: OutgoingReport,
  change: (ram: Extract<OutgoingReport, { type: 'outgoing.progress' }>['ram']) => object,
) => (news.type === 'outgoing.progress' ? { ...news, ram: { ...news.ram, ...change(news.ram) } } : news)

const resumesAfterCompletion = withProcess('m2', (process, options) =>
  process.states.pipe(
    Stream.filter((state) => outgoingStatus(state) === 'completed'),
    Stream.runForEach(() => options.guest.start),
    Effect.forkScoped,
    Effect.as(process),
  ),
)

const leaksConnections: RuntimeSystem = {
  ...ourRuntime,
  name: 'socket left open',
  transport: (network) =>
    Layer.effect(
      Transport,
      Effect.map(Transport, (transport) =>
        Transport.of({
          ...transport,
          connect: (uri, options) =>
            transport.connect(uri, options).pipe(
              Effect.provideService(Scope.Scope, Scope.makeUnsafe()),
              Effect.map((connection) => ({ ...connection, close: Effect.void })),
            ),
        }),
      ),
    ).pipe(Layer.provide(simulatedTransport(network))),
}

const releasesTwice: RuntimeSystem = {
  ...ourRuntime,
  name: 'connection let go twice',
  transport: (network) =>
    Layer.effect(
      Transport,
      Effect.map(Transport, (transport) =>
        Transport.of({
          ...transport,
          connect: (uri, options) =>
            Effect.gen(function* () {
              const scope = yield* Effect.scope
              const connection = yield* transport.connect(uri, options)
              // Whoever lets an end go counts it; this one does so once more at the end of the run.
              const end = network.connections.at(-1)?.ends[0]
              yield* Scope.addFinalizer(
                scope,
                Effect.sync(() => {
                  if (end !== undefined) end.releases++
                }),
              )
              return connection
            }),
        }),
      ),
    ).pipe(Layer.provide(simulatedTransport(network))),
}

/** See the head of this file. */
export const runtimeMutants: readonly Mutant<RuntimeSystem>[] = [
  {
    id: 'm1',
    title: 'forgets to send a page again that was written during its own pass',
    system: withOutgoing('m1', (options) => ({
      ...options,
      memory: withLog(options.memory, (log) => new ForgetfulLog(log)),
    })),
    killedBy: ['I16', 'I15'],
  },
  {
    id: 'm2',
    title: 'starts the source again after completion',
    system: resumesAfterCompletion,
    killedBy: ['I1', 'I4'],
  },
  {
    id: 'm3',
    title: 'begins a run with the dirty bitmap that a cancelled run left',
    system: withOutgoing('m3', (options) => ({
      ...options,
      memory: withLog(options.memory, (log) => new StaleLog(log)),
    })),
    killedBy: ['I7', 'I15'],
  },
  {
    id: 'm4',
    title: 'a guest that the user had stopped comes out of a cancelled switchover as postmigrate (h4)',
    system: withQuirk('h4'),
    killedBy: ['I2'],
  },
  {
    id: 'm5',
    title: 'releases the images twice',
    system: withProcess('m5', Effect.succeed, (options) => ({
      ...options,
      ...(options.images === undefined
        ? {}
        : { images: { ...options.images, release: Effect.andThen(options.images.release, options.images.release) } }),
    })),
    killedBy: ['I3'],
  },
  {
    id: 'm6',
    title: 'a failure while the destination takes over is taken for a failed migration (h27)',
    system: withQuirk('h27'),
    killedBy: ['I1', 'I3'],
  },
  {
    id: 'm7',
    title: 'a cancel after the last byte is accepted (h1)',
    system: withQuirk('h1'),
    killedBy: ['I1', 'I2'],
  },
  {
    id: 'm27',
    title: 'the memory of the first bitmap is taken for what the guest wrote (S3)',
    system: withReports('m27', () => (news) => [
      news.type === 'outgoing.pass'
        ? { ...news, period: { dirtiedBytes: 2 ** 30, sentBytes: news.period?.sentBytes ?? 0 } }
        : news,
    ]),
    killedBy: ['I26'],
  },
  {
    id: 'm28',
    title: 'the throttle stays when the run is over',
    system: withProcess('m28', Effect.succeed, (options) => ({
      ...options,
      guest: {
        ...options.guest,
        throttle: (percentage) => (percentage === 0 ? Effect.void : options.guest.throttle(percentage)),
      },
    })),
    killedBy: ['I26'],
  },
  {
    id: 'm8',
    title: 'migrate_cancel answers success and does nothing',
    system: answering('m8', 'migrate_cancel', () => Effect.succeed({})),
    killedBy: ['I6'],
  },
  {
    id: 'm10',
    title: 'passes are counted over all runs',
    system: (() => {
      let passes = 0
      return withReports('m10', () => (news) => [news.type === 'outgoing.pass' ? { ...news, pass: ++passes } : news])
    })(),
    killedBy: ['I7'],
  },
  {
    id: 'm11',
    title: 'a refused migrate-set-parameters has applied what was in range',
    system: answering('m11', 'migrate-set-parameters', (process, args, real) =>
      real.pipe(
        Effect.tapError(() =>
          process.execute('migrate-set-parameters', without(args, 'compress-level')).pipe(Effect.ignore),
        ),
      ),
    ),
    killedBy: ['I8'],
  },
  {
    id: 'm12',
    title: 'the answer of the destination that all is loaded wakes nobody',
    system: withReports('m12', () => (news) => (news.type === 'outgoing.prepared' ? [] : [news])),
    killedBy: ['I9'],
  },
  {
    id: 'm13',
    title: 'a sending engine takes the end of the stream for "nothing yet"',
    system: withLink('m13', () => (link) => ({
      ...link,
      writev: (views) => {
        try {
          return link.writev(views)
        } catch {
          return 0
        }
      },
      read: () => 0,
    })),
    killedBy: ['I9'],
  },
  { id: 'm14', title: 'a run leaves its socket open', system: leaksConnections, killedBy: ['I10'] },
  { id: 'm15', title: 'a connection is let go twice', system: releasesTwice, killedBy: ['I10'] },
  {
    id: 'm16',
    title: 'query-migrate of a failed run does not say why',
    system: answering('m16', 'query-migrate', (_process, _args, real) =>
      Effect.map(real, (info) => without(info, 'error-desc')),
    ),
    killedBy: ['I11'],
  },
  {
    id: 'm17',
    title: 'completed is answered before total-time is known (q13)',
    system: answering('m17', 'query-migrate', (_process, _args, real) =>
      Effect.map(real, (info) =>
        typeof info === 'object' && info !== null && 'status' in info && info.status === 'completed'
          ? { ...info, 'total-time': 0 }
          : info,
      ),
    ),
    killedBy: ['I12'],
  },
  {
    id: 'm18',
    title: 'an event is sent twice',
    system: withEvents('m18', (event) => (isStatus(event, 'active') ? [event, event] : [event])),
    killedBy: ['I13'],
  },
  {
    id: 'm19',
    title: 'an event is lost',
    system: withEvents('m19', (event) => (isStatus(event, 'completed') ? [] : [event])),
    killedBy: ['I13'],
  },
  {
    id: 'm20',
    title: 'query-migrate answers what it last answered',
    system: withProcess('m20', (process) => {
      let kept: unknown = {}
      return Effect.succeed({
        ...process,
        execute: (name: string, args?: unknown) => {
          const real = process.execute(name, args)
          if (name !== 'query-migrate') return real
          return Effect.map(real, (info) => {
            const last = kept
            kept = info
            return last
          })
        },
      })
    }),
    killedBy: ['I14'],
  },
  {
    id: 'm21',
    title: 'the last pass is left out: what was written since goes missing',
    system: withOutgoing('m21', (options) => {
      let passes = 0
      return {
        ...options,
        memory: withLog(options.memory, (log) => {
          const real = new ForgetfulLog(log)
          real.drainInto = (target) => (++passes === 1 ? log.drainInto(target) : { reported: 0, added: 0 })
          return real
        }),
      }
    }),
    killedBy: ['I15'],
  },
  {
    id: 'm22',
    title: 'a section footer goes out damaged',
    system: withLink('m22', () => {
      let messages = 0
      return (link) => ({
        ...link,
        writev: (views) => {
          const [first, ...others] = views
          if (first === undefined || ++messages !== 1) return link.writev(views)
          const damaged = Uint8Array.from(first)
          damaged[damaged.length - 1]! ^= 0xff
          return link.writev([damaged, ...others])
        },
      })
    }),
    killedBy: ['I19'],
  },
  {
    id: 'm23',
    title: 'transferred counts every byte twice',
    system: withReports('m23', () => (news) => [
      withRam(news, (ram) => ({ transferred: Number(ram.transferred) * 2 })),
    ]),
    killedBy: ['I21'],
  },
  {
    id: 'm24',
    title: 'transferred begins again at every pass',
    system: withReports('m24', () => {
      let base = 0
      let last = 0
      return (news) => {
        if (news.type === 'outgoing.pass') base = last
        if (news.type === 'outgoing.progress') last = Number(news.ram.transferred)
        return [withRam(news, (ram) => ({ transferred: Number(ram.transferred) - base }))]
      }
    }),
    killedBy: ['I22'],
  },
  {
    id: 's13',
    title: 'total-time of a run stays what it was when it was first asked for',
    system: withProcess('s13', (process) => {
      let first: { readonly run: number; readonly millis: number } | undefined
      return Effect.succeed({
        ...process,
        execute: (name: string, args?: unknown) => {
          const real = process.execute(name, args)
          if (name !== 'query-migrate') return real
          return Effect.map(Effect.zip(real, process.state), ([info, { outgoingNumber: run }]) => {
            if (typeof info !== 'object' || info === null || !('expected-downtime' in info)) return info
            if (first?.run !== run) first = { run, millis: Number((info as { 'total-time'?: number })['total-time']) }
            return { ...info, 'total-time': first.millis }
          })
        },
      })
    }),
    killedBy: ['I22'],
  },
  {
    id: 'm25',
    title: 'mbps is 0 / 0 before the first window has ended',
    system: withReports('m25', () => (news) => [withRam(news, (ram) => (ram.mbps === 0 ? { mbps: Number.NaN } : {}))]),
    killedBy: ['I23'],
  },
  {
    id: 'm26',
    title: 'the status goes back to none when a cancelled run has been let go',
    system: withProcess('m26', (process) =>
      Effect.succeed({
        ...process,
        states: process.states.pipe(
          Stream.map((state) =>
            outgoingStatus(state) === 'cancelled' && typeof state.chart.value !== 'string'
              ? { ...state, chart: { ...state.chart, value: { ...state.chart.value, outgoing: 'none' } } }
              : state,
          ),
        ),
      }),
    ),
    killedBy: ['I5'],
  },
]

/** A mutant by its identifier. */
export const runtimeMutant = (id: string): Mutant<RuntimeSystem> | undefined =>
  runtimeMutants.find((mutant) => mutant.id === id)
