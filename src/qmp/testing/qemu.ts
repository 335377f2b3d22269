/** A real QEMU for a test: a process without a machine, behind a QMP socket. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'
import { Effect } from 'effect'
import { scratchDirectory } from './served.ts'

const BINARY = 'qemu-system-x86_64'

const versionOf = (): string | undefined => {
  try {
    return /version (\d+\.\d+)/.exec(execFileSync(BINARY, ['--version']).toString())?.[1]
  } catch {
    return undefined
  }
}

/** The version that is installed; undefined where there is none. */
export const qemuVersion = versionOf()

/** Why tests with a real QEMU are left out here, or false. */
export const qemuMissing = qemuVersion === undefined ? `${BINARY} is not installed here` : false

/** Starts one, stopped, and gives the address of its socket. It ends with the scope. */
export const startQemu = Effect.gen(function* () {
  const directory = yield* scratchDirectory
  const path = join(directory, 'qmp')
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        BINARY,
        ['-machine', 'none', '-nodefaults', '-display', 'none', '-S', '-qmp', `unix:${path},server=on,wait=off`],
        { stdio: 'ignore' },
      ),
    ),
    (qemu) =>
      Effect.promise(async () => {
        if (qemu.exitCode !== null || qemu.signalCode !== null) return
        qemu.kill('SIGKILL')
        await once(qemu, 'exit')
      }),
  )
  yield* Effect.promise(
    () =>
      new Promise<void>((resolve) => {
        const seen = watch(directory, () => check())
        const check = (): void => {
          if (!existsSync(path)) return
          seen.close()
          resolve()
        }
        check()
      }),
  )
  const exited = Effect.promise(async (): Promise<number | null> => {
    if (child.exitCode === null) await once(child, 'exit')
    return child.exitCode
  })
  return { address: `unix:${path}`, exited }
})
