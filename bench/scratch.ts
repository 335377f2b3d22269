/**
 * A directory for the files of one run, removed when the run is over and, failing that, when the benchmark exits:
 * guest RAM on /dev/shm that nobody deletes is memory nobody gets back.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const existing = new Set<Scratch>()
process.on('exit', () => {
  for (const scratch of existing) scratch.remove()
})

export class Scratch {
  readonly path: string

  /** Creates the directory below `parent`. */
  constructor(parent: string) {
    this.path = mkdtempSync(join(parent, 'switchover-bench-'))
    existing.add(this)
  }

  file(name: string): string {
    return join(this.path, name)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
    existing.delete(this)
  }
}
