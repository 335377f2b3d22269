/** What a step of the core gives back, in order. */
import type { Intent } from './intent.ts'

/** The answer to a command: what QMP calls `return`. With a ticket it is the answer to an earlier, {@link Deferred} one. */
export interface Reply {
  readonly type: 'reply'
  readonly value: unknown
  readonly ticket?: number
}

/**
 * The refusal of a command, which then has changed nothing. Class and text are QEMU's, by profile. With a ticket it
 * answers an earlier, {@link Deferred} command, which was tried and failed.
 */
export interface Refusal {
  readonly type: 'refusal'
  readonly class: 'GenericError' | 'CommandNotFound' | 'DeviceNotActive' | 'DeviceNotFound' | 'KVMMissingCap'
  readonly desc: string
  /** The capability, command or option that whoever carries out the intents does not have. */
  readonly unsupported?: string
  readonly ticket?: number
}

/**
 * The command at hand was accepted and its answer depends on facts: it comes with a later step, as a reply or a refusal of
 * this ticket. In QEMU the process does nothing else meanwhile; here other commands may be given, and are answered at once.
 */
export interface Deferred {
  readonly type: 'deferred'
  readonly ticket: number
}

/** Why a process or its guest ends, in the names of ShutdownCause. */
export type ShutdownReason = 'host-qmp-quit' | 'host-signal' | 'guest-shutdown'

/** An event for the manager. */
export type ManagerEvent =
  | { readonly event: 'MIGRATION'; readonly data: { readonly status: string } }
  | { readonly event: 'MIGRATION_PASS'; readonly data: { readonly pass: number } }
  | { readonly event: 'STOP' }
  | { readonly event: 'RESUME' }
  /** `reason`: 7.2 only. */
  | { readonly event: 'SHUTDOWN'; readonly data: { readonly guest: boolean; readonly reason?: ShutdownReason } }
  | { readonly event: 'RESET'; readonly data: { readonly guest: boolean; readonly reason?: 'host-qmp-system-reset' } }
  | { readonly event: 'POWERDOWN' }
  /** 7.2 only. */
  | { readonly event: 'COLO_EXIT'; readonly data: { readonly mode: string; readonly reason: string } }

/** A fact that the charts do not take in their state, with the state it met: never dropped without a word. */
export interface Unexpected {
  readonly type: 'unexpected'
  readonly fact: string
  readonly run: number
  readonly state: string
}

/** One output. */
export type CoreOutput =
  | Reply
  | Refusal
  | Deferred
  | { readonly type: 'event'; readonly event: ManagerEvent }
  | { readonly type: 'intent'; readonly intent: Intent }
  | Unexpected

/** Builds a refusal of class GenericError. */
export const refuse = (desc: string): Refusal => ({ type: 'refusal', class: 'GenericError', desc })

/** Builds the refusal of what QEMU may have but this runtime has not: never accepted and ignored. */
export const refuseUnsupported = (unsupported: string, desc: string): Refusal => ({ ...refuse(desc), unsupported })
