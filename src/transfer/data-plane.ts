/**
 * Where engines run. The runtime gives an engine a connection and the guest's memory, sends it orders and takes what it
 * reports; whether the engine is a fiber on this thread or a worker thread is the layer's business.
 */
import { Context, type Effect, type Scope } from 'effect'
import type { Connection } from '../channel/transport.ts'
import type { GuestMemory } from '../memory/index.ts'
import type { SharedGuestDisk } from './disk/guest-disk.ts'
import type { EngineDisks } from './disk-loader.ts'
import type { IncomingOrder, IncomingReport, Loading, OutgoingOrder, OutgoingReport } from './order.ts'

/** A running engine. */
export interface EngineHandle<Order> {
  /** Never waits. Orders after the end are ignored. */
  readonly order: (order: Order) => void
  /** Ends when the engine will not touch its connection or the memory again. An `abort` brings it about. */
  readonly over: Effect.Effect<void>
}

/** See the head of this file. Engines end, at the latest, with the scope they were started in. */
export class DataPlane extends Context.Service<
  DataPlane,
  {
    /** An engine that is started from here on need not wait for the thread it runs in. */
    readonly ready: Effect.Effect<void>
    readonly outgoing: (
      connection: Connection,
      memory: GuestMemory,
      report: (news: OutgoingReport) => void,
      disks?: readonly SharedGuestDisk[],
      /** Connections of multifd, beside the main one. */
      channels?: readonly Connection[],
    ) => Effect.Effect<EngineHandle<OutgoingOrder>, never, Scope.Scope>
    readonly incoming: (
      connection: Connection,
      memory: GuestMemory,
      report: (news: IncomingReport) => void,
      loading: Loading,
      disks?: EngineDisks,
    ) => Effect.Effect<EngineHandle<IncomingOrder>, never, Scope.Scope>
  }
>()('switchover/transfer/DataPlane') {}
