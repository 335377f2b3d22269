/**
 * The raw ceiling: as many bytes as the guest has RAM, from one Node process to another over one tcp connection, with
 * nothing done to them at either end. No migration that moves each page over that connection can be faster.
 */

import { fileURLToPath } from 'node:url'
import { Child } from './child.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import { numberAt } from './document.ts'

const PROGRAM = fileURLToPath(new URL('raw-end.ts', import.meta.url))

const start = (name: string, args: readonly (string | number)[], signal: AbortSignal): Child =>
  new Child(name, process.execPath, [PROGRAM, ...args.map(String)], signal)

const parsedLine = async (child: Child): Promise<unknown> => JSON.parse(await child.nextLine())

const run = async ({ sizeBytes, seed, signal }: RunOptions): Promise<Figure> => {
  const receiver = start('raw receiver', ['receive', sizeBytes], signal)
  try {
    const port = numberAt(await parsedLine(receiver), 'port')
    const sender = start('raw sender', ['send', sizeBytes, seed, port], signal)
    try {
      const [sent, received] = await Promise.all([parsedLine(sender), parsedLine(receiver)])
      return {
        totalMillis: numberAt(sent, 'totalMillis'),
        cpuSeconds: numberAt(sent, 'cpuSeconds') + numberAt(received, 'cpuSeconds'),
        bytes: numberAt(received, 'received'),
      }
    } finally {
      await sender.stop()
    }
  } finally {
    await receiver.stop()
  }
}

export const raw: Contender = {
  name: 'raw',
  available: async () => undefined,
  version: async () => `node ${process.version}, one tcp connection, bytes thrown away on arrival`,
  run,
}
