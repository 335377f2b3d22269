/**
 * Moving the RAM of a guest that does not write: incompressible pages, one tcp connection over loopback. What is measured
 * is the data plane alone: no pass is repeated and no page gets smaller on its way.
 */

import type { Benchmark } from './benchmark.ts'
import { qemu } from './qemu.ts'
import { raw } from './raw.ts'
import { switchover } from './switchover.ts'

export const transfer: Benchmark = {
  name: 'transfer',
  summary: 'incompressible RAM, idle guest, one tcp connection on loopback',
  contenders: [raw, qemu, switchover],
}
