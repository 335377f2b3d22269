/**
 * The same as `transfer`, over TLS: what encryption costs. Certificates are made for the run; both sides verify each other.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeKind } from '../src/channel/testing/credentials.ts'
import type { Benchmark } from './benchmark.ts'
import type { Contender } from './contender.ts'
import { qemuWith } from './qemu.ts'
import { switchover, switchoverWith } from './switchover.ts'

let directory: string | undefined

/** The directory of the credentials; made once, and gone with the process. */
const prepared = async (): Promise<string> => {
  if (directory !== undefined) return directory
  const root = mkdtempSync(join(tmpdir(), 'switchover-bench-'))
  process.on('exit', () => rmSync(root, { recursive: true, force: true }))
  directory = await writeKind(root, 'good')
  return directory
}

const withCredentials = (contender: Contender): Contender => ({
  ...contender,
  run: async (options) => {
    await prepared()
    return contender.run(options)
  },
})

export const tls: Benchmark = {
  name: 'tls',
  summary: 'incompressible RAM, idle guest, one tcp connection with TLS on loopback',
  contenders: [
    withCredentials(qemuWith(() => directory)),
    withCredentials(switchoverWith(() => ['--tls', directory ?? ''])),
    { ...switchover, name: 'without TLS' },
  ],
}
