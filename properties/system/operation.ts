/** What an operator does in a run, and the arbitrary that makes it up. */
import * as fc from 'fast-check'

/** What is waited for. */
export type Moment = 'stopped' | 'at rest'

/** One thing that is done to a pair. */
export type Operation =
  | { readonly do: 'advance'; readonly millis: number }
  | { readonly do: 'cut' }
  /** Lets it work a little at a time, until the guest of the source stands still, or the pair rests. */
  | { readonly do: 'until'; readonly moment: Moment }
  | { readonly do: 'migrate' | 'cancel' | 'continue' | 'stop' | 'cont' }
  | { readonly do: 'pause-before-switchover'; readonly on: boolean }

/** Sequences of them. A migration begins in every one: without it there is nothing to see. */
export const operations = (max: number): fc.Arbitrary<readonly Operation[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('advance' as const), millis: fc.integer({ min: 1, max: 400 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant('until' as const),
          moment: fc.constantFrom<Moment>('stopped', 'at rest'),
        }),
      },
      { weight: 4, arbitrary: fc.constant<Operation>({ do: 'migrate' }) },
      { weight: 3, arbitrary: fc.constant<Operation>({ do: 'cancel' }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('pause-before-switchover' as const), on: fc.boolean() }) },
      { weight: 1, arbitrary: fc.constant<Operation>({ do: 'continue' }) },
      { weight: 1, arbitrary: fc.constant<Operation>({ do: 'stop' }) },
      { weight: 1, arbitrary: fc.constant<Operation>({ do: 'cont' }) },
      { weight: 1, arbitrary: fc.constant<Operation>({ do: 'cut' }) },
    ),
    { minLength: 1, maxLength: max, size: 'max' },
  )

/** An operation in words. */
export const operationText = (operation: Operation): string => {
  if (operation.do === 'advance') return `advance ${operation.millis} ms`
  if (operation.do === 'until') return `until ${operation.moment}`
  return 'on' in operation ? `${operation.do} ${operation.on ? 'on' : 'off'}` : operation.do
}
