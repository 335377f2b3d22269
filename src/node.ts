/** The runtime on Node: processes that send and receive guests over real channels, and the services they are made of. */
export { ChannelError, type ByteLink } from './channel/byte-link.ts'
export { nodeTransport } from './channel/node-transport.ts'
export { SimulatedNetwork, simulatedTransport } from './channel/simulated-transport.ts'
export { Transport, type Connection, type Listener } from './channel/transport.ts'
export * from './memory/index.ts'
export * from './memory/node.ts'
export * from './qmp/index.ts'
export { DataPlane, type EngineHandle } from './transfer/data-plane.ts'
export { fiberDataPlane } from './transfer/fiber-data-plane.ts'
export { fiberGuestHost } from './transfer/fiber-guest-host.ts'
export { GuestRefused, type GuestHost } from './transfer/guest-host.ts'
export { allocateFor, bootMemory, makeGuest, programOf, type GuestProgram } from './transfer/guest-program.ts'
export {
  CommandRefused,
  makeMigrationProcess,
  runtimeCapabilities,
  type MigrationProcess,
  type MigrationProcessOptions,
  type ProcessOutput,
  type TimedEvent,
} from './transfer/migration-process.ts'
export { workerDataPlane } from './transfer/worker-data-plane.ts'
export { workerGuestHost } from './transfer/worker-guest-host.ts'
