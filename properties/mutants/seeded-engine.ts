/** Sending engines that are wrong in one way: what seeded bugs are put in by. */
import type { ByteLink } from '../../src/channel/byte-link.ts'
import { engines } from '../../src/transfer/fiber-data-plane.ts'
import type { OutgoingReport, Wait } from '../../src/transfer/order.ts'
import type { IncomingEngineOptions } from '../../src/transfer/incoming-engine.ts'
import type { OutgoingEngineOptions } from '../../src/transfer/outgoing-engine.ts'
import { ourRuntime, type RuntimeSystem } from '../worlds/runtime-world.ts'

/** The real engine, as far as a mutant or a test has to do with it. */
export type OutgoingEngine = ReturnType<typeof engines.outgoing>

export type IncomingEngine = ReturnType<typeof engines.incoming>

/** The sending engine with something else done to its options, or to itself. */
export const withOutgoing = (
  name: string,
  change: (options: OutgoingEngineOptions) => OutgoingEngineOptions,
  wrap: (engine: OutgoingEngine) => OutgoingEngine = (engine) => engine,
): RuntimeSystem => ({
  ...ourRuntime,
  name,
  engines: { ...engines, outgoing: (options) => wrap(engines.outgoing(change(options))) },
})

/** The receiving engine with something else done to its options, or to itself. */
export const withIncoming = (
  name: string,
  change: (options: IncomingEngineOptions) => IncomingEngineOptions,
  wrap: (engine: IncomingEngine) => IncomingEngine = (engine) => engine,
): RuntimeSystem => ({
  ...ourRuntime,
  name,
  engines: { ...engines, incoming: (options) => wrap(engines.incoming(change(options))) },
})

/** An engine whose reports are changed, multiplied or dropped. */
export const withReports = (
  name: string,
  change: () => (news: OutgoingReport) => readonly OutgoingReport[],
): RuntimeSystem =>
  withOutgoing(name, (options) => {
    const changed = change()
    return { ...options, report: (news) => changed(news).forEach((each) => options.report(each)) }
  })

/** An engine on a link that is not quite what it should be. */
export const withLink = (name: string, change: () => (link: ByteLink) => ByteLink): RuntimeSystem =>
  withOutgoing(
    name,
    (options) => options,
    (engine) => {
      const changed = change()
      return changedStep(engine, (link, now) => engine.step(changed(link), now))
    },
  )

/** The same engine, still to be looked at, with another step. */
export const changedStep = (
  engine: OutgoingEngine,
  step: (link: ByteLink, nowMillis: number) => Wait,
): OutgoingEngine =>
  new Proxy(engine, {
    get: (target, name) => {
      if (name === 'step') return step
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
