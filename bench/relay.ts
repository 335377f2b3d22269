/**
 * What it costs to stand between two QEMUs: the same migration direct, through a relay that decodes and passes on, and
 * through one that writes the stream anew. The relay runs in this process, and its processor time counts.
 */

import { Effect } from 'effect'
import { nodeTransport } from '../src/channel/node-transport.ts'
import { relayMigration } from '../src/transfer/qemu/relay.ts'
import type { Benchmark } from './benchmark.ts'
import { qemu, qemuWith, type Between, type Route } from './qemu.ts'

const through =
  (reencode: boolean): Route =>
  async (port, signal): Promise<Between> => {
    const listening = Promise.withResolvers<string>()
    const relayed = Effect.runPromise(
      relayMigration({
        listen: 'tcp:127.0.0.1:0',
        connect: `tcp:127.0.0.1:${port}`,
        reencode,
        listening: (uri) => Effect.sync(() => listening.resolve(uri)),
      }).pipe(Effect.provide(nodeTransport)),
      { signal },
    )
    relayed.catch(listening.reject)
    const uri = await listening.promise
    const before = process.cpuUsage()
    return {
      port: Number(uri.slice(uri.lastIndexOf(':') + 1)),
      cpuSeconds: () => {
        const { user, system } = process.cpuUsage(before)
        return (user + system) / 1e6
      },
      ended: relayed.then(({ verdict }) => {
        if (verdict.verdict !== 'conforms') throw new Error(`the charts object: ${JSON.stringify(verdict.violations)}`)
      }),
    }
  }

export const relay: Benchmark = {
  name: 'relay',
  summary: 'one QEMU to another: direct, through a relay, and through a relay that writes the stream anew',
  contenders: [
    qemu,
    qemuWith(() => undefined, 'relay', through(false)),
    qemuWith(() => undefined, 'reencode', through(true)),
  ],
}
