/**
 * One live QEMU of a chosen machine, whose memory this process can read and write: as a source or destination of streams.
 * Its RAM is a shared file, so what a migration has moved is compared byte by byte. It runs under TCG, with its processors
 * stopped unless it is given a program of its own; it has no other firmware. It ends with the scope.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Effect, type Scope } from 'effect'
import { connectClient, type QmpBroken, type QmpClient, type QmpRefusal } from '../qmp/client.ts'
import { connected, duplexOf, memoryDirectory, spawned, StderrKeeper } from './qemu.ts'
import { Qtest } from './qtest.ts'
import { temporaryDirectory } from './temporary.ts'

export interface QemuMachineOptions {
  /** A machine type: `none` has memory and two device sections; `pc` and its versions have what a PC has. */
  readonly machine: string
  readonly mebibytes: number
  /** Wait for a migration; it is told where to listen by `migrate-incoming`. */
  readonly incoming?: boolean
  /** Open a qtest server, which needs a machine with a processor. */
  readonly qtest?: boolean
  /** A program for the firmware of a PC, to be run from its first byte in real mode; without one nothing runs. */
  readonly program?: Uint8Array
  /** Further arguments. */
  readonly args?: readonly string[]
}

export interface QemuMachine {
  readonly client: QmpClient
  readonly pid: number
  /** Name of the block that is the guest's RAM. */
  readonly block: string
  /** The file that is the guest's RAM. */
  readonly memory: string
  /** For files that go with it. */
  readonly directory: string
  /** What it has said beside QMP. */
  readonly stderr: () => string
  /** Ends when the process has; its exit status, null after a signal. */
  readonly exited: Effect.Effect<number | null>
  /** @throws Error without `qtest` */
  readonly qtest: () => Qtest
}

const FIRMWARE_BYTES = 64 * 1024

/** Where the processor begins: a jump to the first byte of the firmware. */
const RESET_VECTOR = { at: FIRMWARE_BYTES - 16, code: Uint8Array.of(0xea, 0x00, 0x00, 0x00, 0xf0) }

/** A PC needs firmware even if it never runs. */
const pcArguments = (directory: string, program: Uint8Array): readonly string[] => {
  const path = join(directory, 'firmware.bin')
  const firmware = new Uint8Array(FIRMWARE_BYTES)
  firmware.set(program)
  firmware.set(RESET_VECTOR.code, RESET_VECTOR.at)
  writeFileSync(path, firmware)
  return ['-bios', path, '-accel', 'tcg']
}

/** Starts one. Errors say what QEMU said. */
export const startQemuMachine = (
  options: QemuMachineOptions,
): Effect.Effect<QemuMachine, Error | QmpBroken | QmpRefusal, Scope.Scope> =>
  Effect.gen(function* () {
    const { machine, mebibytes } = options
    const directory = yield* temporaryDirectory(tmpdir())
    const memory = join(yield* temporaryDirectory(memoryDirectory()), 'guest.ram')
    const isPc = machine !== 'none'
    const block = isPc ? 'pc.ram' : 'ram'
    const monitor = join(directory, 'qmp.sock')
    const qtestPath = join(directory, 'qtest.sock')
    const args = [
      '-nodefaults',
      '-display',
      'none',
      ...(options.program === undefined ? ['-S'] : []),
      '-m',
      `${mebibytes}M`,
      '-machine',
      `${machine},memory-backend=${block}`,
      '-object',
      `memory-backend-file,id=${block},size=${mebibytes}M,mem-path=${memory},share=on,x-use-canonical-path-for-ramblock-id=off`,
      '-qmp',
      `unix:${monitor},server=on,wait=off`,
      ...(isPc ? pcArguments(directory, options.program ?? new Uint8Array(0)) : []),
      ...(options.incoming === true ? ['-incoming', 'defer'] : []),
      ...(options.qtest === true ? ['-qtest', `unix:${qtestPath},server=on,wait=off`, '-qtest-log', 'none'] : []),
      ...(options.args ?? []),
    ]
    const stderr = new StderrKeeper()
    const child = yield* spawned(args, machine, stderr)
    const withWords = (error: Error): Error =>
      new Error(`${error.message}${stderr.text === '' ? '' : `; ${stderr.text.trim()}`}`, { cause: error })
    const client = yield* connected(monitor, child).pipe(
      Effect.mapError(withWords),
      Effect.flatMap(duplexOf),
      Effect.flatMap((duplex) => connectClient(duplex)),
    )
    const qtest =
      options.qtest === true ? new Qtest(yield* Effect.mapError(connected(qtestPath, child), withWords)) : undefined
    return {
      client,
      pid: child.pid ?? 0,
      block,
      memory,
      directory,
      stderr: () => stderr.text,
      exited: Effect.promise(async () => {
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
        return child.exitCode
      }),
      qtest: () => {
        if (qtest === undefined) throw new Error('this machine was started without qtest')
        return qtest
      },
    }
  })
