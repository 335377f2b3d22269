/** Ours, as two processes that are driven by QMP, like the peer: `switchover serve` with a guest, and one that waits for it. */

import { fileURLToPath } from 'node:url'
import { access } from 'node:fs/promises'
import { Child } from './child.ts'
import type { RunOptions } from './contender.ts'
import { stringAt } from './document.ts'
import { type Machine } from './qemu.ts'
import { QmpClient } from './qmp.ts'
import type { Scratch } from './scratch.ts'

const PROGRAM = fileURLToPath(new URL('../src/cli/switchover.js', import.meta.url))

/** Why it cannot run. */
export const servingAvailable = async (): Promise<string | undefined> =>
  access(PROGRAM).then(
    () => undefined,
    () => `${PROGRAM} does not exist`,
  )

/** Starts one side, with a guest as `--guest` takes it. */
export const startServing = async (
  side: 'source' | 'destination',
  guest: string,
  scratch: Scratch,
  { signal }: RunOptions,
): Promise<Machine> => {
  const address = `unix:${scratch.file(`${side}.qmp`)}`
  const incoming = side === 'destination' ? ['--incoming', 'tcp:127.0.0.1:0'] : []
  const args = [PROGRAM, 'serve', '--json', '--qmp', address, '--guest', guest, ...incoming]
  const process = new Child(`switchover ${side}`, globalThis.process.execPath, args, signal)
  try {
    // It listens once it has said so, which is when the memory has its contents.
    stringAt(JSON.parse(await process.nextLine()), 'qmp')
    return { process, qmp: await QmpClient.connect(address.slice('unix:'.length), signal) }
  } catch (error) {
    await process.stop()
    throw error
  }
}
