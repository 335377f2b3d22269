/** Starts worker threads: of the sources as they are, or of the build. */
import { Worker, type MessagePort } from 'node:worker_threads'

/** A thread's environment: that of the process, without what a test runner or a tracer has every thread import. */
const environment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS'))

/**
 * Starts the thread whose entry stands beside the module `base` (its `import.meta.url`). It starts without the process's own
 * options, as imports among them would be loaded anew, and a migration waits for that.
 */
export const startThreadBeside = (
  base: string,
  name: string,
  workerData?: unknown,
  transferList: readonly MessagePort[] = [],
): Worker =>
  new Worker(new URL(`./${name}.${base.endsWith('.ts') ? 'ts' : 'js'}`, base), {
    workerData,
    name,
    transferList: [...transferList],
    execArgv: [],
    env: environment(),
  })
