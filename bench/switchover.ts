/**
 * Ours: `switchover migrate` moves an idle guest's memory between two processes of its own and reports on stdout.
 */

import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Child } from './child.ts'
import type { Contender, Figure, RunOptions } from './contender.ts'
import { booleanAt, numberAt, optionalNumberAt, optionalStringAt, stringAt } from './document.ts'

const PROGRAM = fileURLToPath(new URL('../src/cli/switchover.js', import.meta.url))

const available = async (): Promise<string | undefined> => {
  try {
    await access(PROGRAM)
    return undefined
  } catch {
    return `${PROGRAM} does not exist`
  }
}

/** The one place that knows the shape of what `switchover migrate --json` prints. */
const figureOf = (document: unknown): Figure => {
  const status = stringAt(document, 'status')
  if (status !== 'completed') {
    throw new Error(`switchover: the migration ended as '${status}': ${optionalStringAt(document, 'error-desc') ?? ''}`)
  }
  const downtimeMillis = optionalNumberAt(document, 'downtime')
  return {
    totalMillis: numberAt(document, 'total-time'),
    ...(downtimeMillis === undefined ? {} : { downtimeMillis }),
    cpuSeconds: numberAt(document, 'cpu', 'source') + numberAt(document, 'cpu', 'destination'),
    bytes: numberAt(document, 'ram', 'transferred'),
    verified: booleanAt(document, 'verified'),
    document,
  }
}

/** The last document on stdout: the whole of it, or its last line if progress came before it as JSON lines. */
const lastDocument = (stdout: string): unknown => {
  try {
    return JSON.parse(stdout)
  } catch {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  }
}

/** One that does not write. */
const idleGuest = ({ sizeBytes, seed }: RunOptions): string => `write:seed=${seed},rate=0,size=${sizeBytes / 2 ** 20}M`

const run = async (options: RunOptions, guest: string, more: readonly string[]): Promise<Figure> => {
  const { signal } = options
  const child = new Child(
    'switchover',
    process.execPath,
    [PROGRAM, 'migrate', '--guest', guest, '--prealloc', '--json', ...more],
    signal,
  )
  try {
    const stdout = await child.rest()
    const exitCode = await child.exit()
    if (stdout.trim() === '') throw child.failure('printed no result')
    try {
      return figureOf(lastDocument(stdout))
    } catch (error) {
      if (exitCode !== 0) throw child.failure('failed')
      throw error
    }
  } finally {
    await child.stop()
  }
}

/** Ours, with further options of `switchover migrate`, and another guest than one that does not write. */
export const switchoverWith = (
  more: () => readonly string[],
  name = 'switchover',
  guest: (options: RunOptions) => string = idleGuest,
): Contender => ({
  name,
  available,
  run: (options) => run(options, guest(options), more()),
})

export const switchover: Contender = switchoverWith(() => [])
