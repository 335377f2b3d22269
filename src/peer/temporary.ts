/** What must not outlive a run: directories and child processes, however this process ends by itself. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Effect, type Scope } from 'effect'

const directories = new Set<string>()
const children = new Set<ChildProcess>()

const remove = (path: string): void => {
  rmSync(path, { recursive: true, force: true })
  directories.delete(path)
}

process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  for (const path of directories) remove(path)
})

/** A directory of one run; gone with the scope. */
export const temporaryDirectory = (parent: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(parent, 'switchover-'))
      directories.add(path)
      return path
    }),
    (path) => Effect.sync(() => remove(path)),
  )

/** Has a child killed at the end of this process, if it is still there. */
export const dieTogether = (child: ChildProcess): void => {
  children.add(child)
  child.once('exit', () => children.delete(child))
}
