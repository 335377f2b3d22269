/** Two machines that talk QMP, of whatever make, for one run. */

import type { Figure } from './contender.ts'
import { explained, type Machine, stopMachine } from './qemu.ts'

/** A run with two machines that are gone behind it. */
export const withPair = async (
  start: (side: 'source' | 'destination') => Promise<Machine>,
  use: (source: Machine, destination: Machine) => Promise<Figure>,
): Promise<Figure> => {
  const destination = await start('destination')
  try {
    const source = await start('source')
    try {
      return await use(source, destination)
    } catch (error) {
      throw await explained(error as Error, [source, destination])
    } finally {
      await stopMachine(source)
    }
  } finally {
    await stopMachine(destination)
  }
}
