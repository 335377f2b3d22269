/**
 * Commands whose answer waits for a fact: the listener of migrate-incoming and migrate-recover, the file of xen-save-devices-state, the fence
 * of x-colo-lost-heartbeat, the disks of replication, the files of credentials. The core
 * hands out a ticket, keeps what it needs for the answer in its state, and answers with the ticket when the fact comes.
 */
import type { CoreState, PendingReply } from './core-state.ts'
import type { Deferred, Reply, Refusal } from './output.ts'

type WithoutTicket<T> = T extends unknown ? Omit<T, 'ticket'> : never

type Listener = Extract<PendingReply, { command: 'migrate-incoming' | 'migrate-recover' }>
type Save = Extract<PendingReply, { command: 'xen-save-devices-state' }>

/** Notes that the answer to the command at hand comes later. */
export const defer = (state: CoreState, command: WithoutTicket<PendingReply>): readonly [CoreState, Deferred] => {
  const ticket = state.tickets + 1
  const pending = [...state.pending, { ...command, ticket } as PendingReply]
  return [
    { ...state, tickets: ticket, pending },
    { type: 'deferred', ticket },
  ]
}

/** Takes a waiting command off the list and makes the answer its answer. */
export const answer = (
  state: CoreState,
  { ticket }: PendingReply,
  output: Reply | Refusal,
): readonly [CoreState, Reply | Refusal] => [
  { ...state, pending: state.pending.filter((other) => other.ticket !== ticket) },
  { ...output, ticket },
]

/** The save that an intent or a fact with this number belongs to. */
export const pendingSave = (state: CoreState, ticket: number): Save | undefined =>
  state.pending.find((one): one is Save => one.command === 'xen-save-devices-state' && one.ticket === ticket)

/** The x-colo-lost-heartbeat whose fence was asked with this number. */
export const pendingFence = (state: CoreState, ticket: number): PendingReply | undefined =>
  state.pending.find((one) => one.command === 'x-colo-lost-heartbeat' && one.ticket === ticket)

/** The object-add that waits for this id. */
export const pendingObject = (state: CoreState, id: string): PendingReply | undefined =>
  state.pending.find((one) => one.command === 'object-add' && one.id === id)

/** The migrate-incoming, or migrate-recover, that waits for the listener of this run. */
export const pendingListener = (state: CoreState, run: number): Listener | undefined =>
  state.pending.find(
    (one): one is Listener =>
      (one.command === 'migrate-incoming' || one.command === 'migrate-recover') && one.run === run,
  )
