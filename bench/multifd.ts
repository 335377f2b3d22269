/**
 * The same as `transfer`, over two channels of multifd beside the main one: what threads and sockets of their own win or
 * cost. Both have packets of 128 pages.
 */

import type { Benchmark } from './benchmark.ts'
import { qemuWith } from './qemu.ts'
import { switchover, switchoverWith } from './switchover.ts'

const CHANNELS = 2

const channels = {
  capabilities: ['multifd'],
  parameters: { 'multifd-channels': CHANNELS },
}

const options = [
  '--capability',
  'x-multifd',
  '--parameter',
  `x-multifd-channels=${CHANNELS}`,
  '--parameter',
  'x-multifd-page-count=128',
]

export const multifd: Benchmark = {
  name: 'multifd',
  summary: 'incompressible RAM, idle guest, two channels of multifd on loopback',
  contenders: [
    qemuWith(() => undefined, 'qemu', undefined, channels),
    switchoverWith(() => options),
    { ...switchover, name: 'one stream' },
  ],
}
