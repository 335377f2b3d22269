/** One sink of several: what a decoder tells goes to all of them, in their order. */
import { silentSink, type StreamSink } from './stream-sink.ts'

type Method = (...args: readonly unknown[]) => void

/** Sinks may be incomplete; where only one has a method, a call costs no more than it does on that one. */
export function teeSink(...sinks: readonly Partial<StreamSink>[]): StreamSink {
  const methods = Object.keys(silentSink).map((name) => {
    const key = name as keyof StreamSink
    const [only, ...more] = sinks.flatMap((sink) => {
      const method = sink[key] as Method | undefined
      return method === undefined ? [] : [method.bind(sink)]
    })
    if (only === undefined || more.length === 0) return [key, only ?? silentSink[key]]
    return [
      key,
      (...args: readonly unknown[]): void => {
        only(...args)
        for (const method of more) method(...args)
      },
    ]
  })
  // Every method of a sink is among the names of the silent one.
  return Object.fromEntries(methods) as StreamSink
}
