/** Writes what passes on a QMP session as a recording: one line a message, in order, on the scenario's time base. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { encodeLine } from '../qmp/message.ts'

/** Called with every message that passes. */
export type Record = (direction: '->' | '<-', message: unknown) => void

/**
 * A recorder of one party. `nowSeconds` is seconds since the scenario began; the same for all parties of one scenario.
 * Lines are written at once, so that a recording survives the end of the process.
 */
export const recorder = (path: string, nowSeconds: () => number): Record => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
  return (direction, message) => {
    const t = Math.round(nowSeconds() * 1e6) / 1e6
    appendFileSync(path, encodeLine({ t, dir: direction, msg: message }).replace('\r\n', '\n'))
  }
}
