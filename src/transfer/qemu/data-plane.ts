/** The data plane of a process whose peer is a QEMU: engines as fibers on this thread. */
import { Layer } from 'effect'
import { DataPlane } from '../data-plane.ts'
import { engines, fiberDataPlaneOf } from '../fiber-data-plane.ts'
import { QemuIncomingEngine, type QemuIncomingOptions } from './incoming-engine.ts'

/** Receives into memory of its own making, whatever memory the process's guest has. */
export const qemuIncomingPlane = (options: Omit<QemuIncomingOptions, 'report'>): Layer.Layer<DataPlane> =>
  fiberDataPlaneOf({
    ...engines,
    incoming: ({ report }) => new QemuIncomingEngine({ ...options, report }),
  })
