/** Records a migration as a scenario: both QMP sessions, and what became of the source's memory in each pass. */
import { Effect, FileSystem, type PlatformError } from 'effect'
import type { GuestMemory } from '../memory/index.ts'
import type { Tap } from '../qmp/client.ts'
import { isJsonObject } from '../qmp/message.ts'
import { memoryMapOf } from '../trace/memory-map.ts'
import { recorder } from '../trace/recorder.ts'

/** The begin of each pass, as MIGRATION_PASS tells it. */
const passWatch = (nowSeconds: () => number): { readonly passSeconds: number[]; readonly tap: Tap } => {
  const passSeconds: number[] = []
  const tap: Tap = (_direction, message) => {
    if (isJsonObject(message) && message['event'] === 'MIGRATION_PASS') passSeconds.push(nowSeconds())
  }
  return { passSeconds, tap }
}

/**
 * Recorders that write `PREFIX.src.jsonl`, `PREFIX.dst.jsonl` and `PREFIX.memory.json`; without a prefix they do nothing.
 * `begin` before the run, `end` when it is over.
 */
export const recordingTo = (prefix: string | undefined, startedMillis: number) => {
  const nowSeconds = () => (performance.timeOrigin + performance.now() - startedMillis) / 1000
  const files: string[] = []
  const { passSeconds, tap: watch } = passWatch(nowSeconds)
  const tap = (party: 'src' | 'dst'): Tap => {
    if (prefix === undefined) return () => {}
    const file = `${prefix}.${party}.jsonl`
    files.push(file)
    const record = recorder(file, nowSeconds)
    return (direction, message) => {
      record(direction, message)
      if (party === 'src') watch(direction, message)
    }
  }
  const begin = (memory: GuestMemory): void => {
    if (prefix !== undefined) memory.recordFates()
  }
  const end = (memory: GuestMemory): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem> =>
    Effect.gen(function* () {
      const map = memoryMapOf(memory, 'src', passSeconds)
      if (prefix === undefined || map === undefined) return
      const file = `${prefix}.memory.json`
      yield* (yield* FileSystem.FileSystem).writeFileString(file, `${JSON.stringify(map)}\n`)
      files.push(file)
    })
  return { files, tap, begin, end }
}
