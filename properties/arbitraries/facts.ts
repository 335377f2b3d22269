/**
 * Facts that charts decide on, for any run, whether or not a world could bring them about: what a core has to withstand.
 * Figures are not among them: a core notes those as they are told.
 */
import * as fc from 'fast-check'
import type { Fact } from '../../src/core/index.ts'

const reason = fc.constantFrom('Connection refused', 'the channel is broken (ECONNRESET)', 'Load of migration failed')
const side = fc.constantFrom('source' as const, 'destination' as const, 'channel' as const)
/** Of this run, of the one before, of none. */
const run = fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, fc.integer({ min: 0, max: 3 }))

const plain = fc
  .constantFrom(
    'outgoing.unplug-wait' as const,
    'outgoing.converged' as const,
    'outgoing.postcopy' as const,
    'outgoing.package-sent' as const,
    'outgoing.resumed' as const,
    'outgoing.flushed' as const,
    'outgoing.prepared' as const,
    'outgoing.committed' as const,
    'outgoing.loaded' as const,
    'outgoing.outcome-running' as const,
    'outgoing.ended' as const,
    'outgoing.colo-ready' as const,
    'outgoing.checkpoint-due' as const,
    'outgoing.output-differs' as const,
    'outgoing.checkpoint-reply' as const,
    'outgoing.vmstate-saved' as const,
    'outgoing.vmstate-sent' as const,
    'outgoing.vmstate-received' as const,
    'outgoing.vmstate-loaded' as const,
    'outgoing.interrupted' as const,
    'incoming.connected' as const,
    'incoming.advised' as const,
    'incoming.discarding' as const,
    'incoming.listening' as const,
    'incoming.running' as const,
    'incoming.prepared' as const,
    'incoming.recovering' as const,
    'incoming.recovered' as const,
    'incoming.checkpoint-request' as const,
    'incoming.vmstate-send' as const,
    'incoming.vmstate-size' as const,
    'incoming.vmstate-staged' as const,
    'incoming.interrupted' as const,
  )
  .map((type) => ({ type }))

const withReason = fc.record({
  type: fc.constantFrom(
    'outgoing.connect-failed' as const,
    'outgoing.failed' as const,
    'incoming.failed' as const,
    'incoming.lost' as const,
    'incoming.torn' as const,
  ),
  reason,
  side,
})

const withCause = fc.record({
  type: fc.constantFrom(
    'outgoing.outcome-not-running' as const,
    'outgoing.outcome-unknown' as const,
    'incoming.listen-failed' as const,
  ),
  reason,
})

const others = fc.oneof(
  fc.record({ type: fc.constant('outgoing.connected' as const), returnPath: fc.boolean() }),
  fc.record({ type: fc.constant('outgoing.setup-done' as const), setupMillis: fc.nat(100) }),
  fc.record({
    type: fc.constantFrom(
      'incoming.ended' as const,
      'incoming.start' as const,
      'incoming.colo' as const,
      'incoming.vmstate-loaded' as const,
    ),
    running: fc.boolean(),
  }),
  fc.record({ type: fc.constant('incoming.bound' as const), uri: fc.constant('tcp:destination:4444') }),
)

const ofGuest = fc
  .constantFrom(
    'guest.shutdown' as const,
    'guest.suspended' as const,
    'guest.wakeup' as const,
    'guest.io-error' as const,
  )
  .map((type): Fact => ({ type, run: 0 }))

/** See the head of this file. */
export const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.oneof(plain, withReason, withCause, others), run)
      // The union has more members than the compiler compares with a union of types.
      .map(([news, run]) => ({ ...news, run }) as Fact),
  },
  { weight: 1, arbitrary: ofGuest },
)
