/**
 * The lock of an image: one holder on this machine at a time, let go by itself when the holder dies. Node has no file
 * locks; a name in Linux's abstract socket namespace that is made of the file's device and inode is as good: binding it
 * fails while somebody else has it, whatever path he came by.
 */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { Effect, type Scope } from 'effect'
import { DiskError } from './disk.ts'

/** In QEMU's words; the file is named by its path. */
const refusal = (path: string): DiskError =>
  new DiskError(`Failed to get "write" lock: is another process using the image [${path}]?`)

/** Takes the lock of a file until the scope closes. Fails at once where somebody else holds it. */
export const lockImage = (path: string): Effect.Effect<void, DiskError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: async () => {
        const { dev, ino } = await stat(path)
        const server = createServer((socket) => socket.destroy())
        server.listen({ path: `\0switchover-image-${dev}-${ino}`, exclusive: true })
        await once(server, 'listening')
        return server.unref()
      },
      catch: (error) =>
        error instanceof Error && 'code' in error && error.code !== 'EADDRINUSE'
          ? new DiskError(`Could not open '${path}': ${error.message}`)
          : refusal(path),
    }),
    (server) => Effect.sync(() => server.close()),
  ).pipe(Effect.asVoid)
