/** What a step of the core gives back, in order. */
import type { Intent } from './intent.ts'

/** The answer to a command: what QMP calls `return`. */
export interface Reply {
  readonly type: 'reply'
  readonly value: unknown
}

/** The refusal of a command, which then has changed nothing. Class and text are QEMU's, by profile. */
export interface Refusal {
  readonly type: 'refusal'
  readonly class: 'GenericError' | 'CommandNotFound' | 'DeviceNotActive' | 'DeviceNotFound' | 'KVMMissingCap'
  readonly desc: string
}

/** An event for the manager. */
export type ManagerEvent =
  | { readonly event: 'MIGRATION'; readonly data: { readonly status: string } }
  | { readonly event: 'MIGRATION_PASS'; readonly data: { readonly pass: number } }
  | { readonly event: 'STOP' }
  | { readonly event: 'RESUME' }
  | { readonly event: 'SHUTDOWN'; readonly data: { readonly guest: boolean } }
  | { readonly event: 'RESET'; readonly data: { readonly guest: boolean } }

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
  | { readonly type: 'event'; readonly event: ManagerEvent }
  | { readonly type: 'intent'; readonly intent: Intent }
  | Unexpected

/** Builds a refusal of class GenericError. */
export const refuse = (desc: string): Refusal => ({ type: 'refusal', class: 'GenericError', desc })
