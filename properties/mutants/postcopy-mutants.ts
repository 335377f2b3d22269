/** Seeded bugs of postcopy and of its recovery: section C of the catalogue, and what the memory layer can do wrong. */
import { Effect, Layer } from 'effect'
import { simulatedTransport } from '../../src/channel/simulated-transport.ts'
import { Transport, type Connection } from '../../src/channel/transport.ts'
import type { MissingPages } from '../../src/memory/index.ts'
import { engines } from '../../src/transfer/fiber-data-plane.ts'
import { makeMigrationProcess } from '../../src/transfer/migration-process.ts'
import { ourRuntime, type RuntimeSystem } from '../worlds/runtime-world.ts'
import type { Mutant } from './mutant.ts'
import { changedStep, withIncoming, type OutgoingEngine } from './seeded-engine.ts'

/** A destination whose memory layer is wrong in one way. */
const withMissing = (name: string, change: (missing: MissingPages) => Partial<MissingPages>): RuntimeSystem =>
  withIncoming(name, (options) => {
    const { missing } = options.memory
    Object.assign(missing, change(missing))
    return options
  })

type Order = Parameters<OutgoingEngine['order']>[0]

/** The same engine, with another ear. */
const withOrder = (engine: OutgoingEngine, order: (given: Order, nowMillis: number) => void): OutgoingEngine =>
  new Proxy(
    changedStep(engine, (link, now) => engine.step(link, now)),
    { get: (target, member): unknown => (member === 'order' ? order : Reflect.get(target, member, target)) },
  )

/** C7: the package counts as loaded when it is written. */
const leavesTooEarly: RuntimeSystem = {
  ...ourRuntime,
  name: 'C7',
  engines: {
    ...engines,
    outgoing: (options) => {
      // The last sync, and then the package.
      let reports = Infinity
      const engine = engines.outgoing({
        ...options,
        report: (news) => {
          options.report(news)
          if (news.type === 'outgoing.progress' && --reports === 0) options.report({ type: 'outgoing.prepared' })
        },
      })
      return withOrder(engine, (given, now) => {
        if (given.type === 'package') reports = 2
        engine.order(given, now)
      })
    },
  },
}

/** C1: what is let go of a broken channel is whatever channel there is by then. */
const releasesTheNewChannel: RuntimeSystem = {
  ...ourRuntime,
  name: 'C1',
  transport: (network) =>
    Layer.effect(
      Transport,
      Effect.map(Transport, (transport) => {
        let latest: Connection | undefined
        return Transport.of({
          ...transport,
          connect: (uri, options) =>
            transport.connect(uri, options).pipe(
              Effect.map((opened) => {
                latest = opened
                const close = Effect.gen(function* () {
                  if (latest !== undefined) yield* latest.close
                })
                return { ...opened, close: Effect.asVoid(Effect.forkDetach(Effect.andThen(Effect.sleep(120), close))) }
              }),
            ),
        })
      }),
    ).pipe(Layer.provide(simulatedTransport(network))),
}

const withQuirk = (quirk: 'h26' | 'h12'): RuntimeSystem => ({
  ...ourRuntime,
  name: quirk,
  makeProcess: (options) => makeMigrationProcess({ ...options, quirks: [quirk] }),
})

/** See the head of this file. C6 needs preempt channels, C8 a balloon, C11 a controller: none is here. */
export const postcopyMutants: readonly Mutant<RuntimeSystem>[] = [
  {
    id: 'C1',
    title: 'letting go of the broken channel hits the new one',
    system: releasesTheNewChannel,
    killedBy: ['I9'],
  },
  {
    id: 'C2',
    title: 'what was asked for before the break is not asked for again',
    system: withMissing('C2', () => ({ outstanding: () => [] })),
    killedBy: ['I20'],
  },
  {
    id: 'C7',
    title: 'the guest leaves before its devices are loaded there',
    system: leavesTooEarly,
    killedBy: ['I2'],
  },
  {
    id: 'C9',
    title: 'the first page of each range is not forgotten',
    system: withMissing('C9', (missing) => {
      const discard = missing.discard.bind(missing)
      return { discard: (block, from, to) => discard(block, Math.min(from + 1, to), to) }
    }),
    killedBy: ['I15'],
  },
  {
    id: 'C10',
    title: 'after recovery older pages are put over what the guest has written since',
    system: withMissing('C10', (missing) => {
      const received = missing.received.bind(missing)
      return { has: () => true, received: (block) => received(block).fill(0) }
    }),
    killedBy: ['I15'],
  },
  {
    id: 'C12',
    title: 'the source runs the guest again after a postcopy that broke',
    system: withQuirk('h26'),
    killedBy: ['I2'],
  },
  {
    id: 'h12',
    title: 'the end of the channel passes for the end of the stream',
    system: withQuirk('h12'),
    killedBy: ['I20'],
  },
  {
    id: 'P2',
    title: 'an access to a missing page does not wait',
    system: withMissing('P2', () => ({ touch: () => {} })),
    killedBy: ['I15'],
  },
]
