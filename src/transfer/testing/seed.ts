/**
 * Where a test's random choices come from: one seed for the whole file, from SWITCHOVER_SEED or the clock. A test that
 * fails prints it, so that the same choices can be made again.
 */

/** The seed of this process. */
export const seed: number = Number(process.env['SWITCHOVER_SEED'] ?? Date.now() % 1_000_000_007)

export { Random } from '../../../properties/random.ts'
