/** Directories with a short path: a unix socket's may have 107 bytes, which a test's own directory easily exceeds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Effect } from 'effect'

/** A directory that is gone, with all that is in it, when the scope is closed. */
export const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), 'switchover-'))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)
