/** What the thread of a channel of multifd is asked to do, and what it shares with the engine for that. */
import type { SharedLink } from '../../channel/shared-link.ts'
import type { SharedGuestMemory } from '../../memory/index.ts'
import type { MultifdMethodName } from '../../wire/index.ts'
import type { SharedCell } from './channel-cell.ts'

/** What a thread is asked to do. */
export type ChannelJob = {
  readonly memory: SharedGuestMemory
  readonly link: SharedLink
  readonly method: MultifdMethodName
  readonly cell: SharedCell
} & (
  | { readonly kind: 'send'; readonly channel: number; readonly level: number; readonly packets: SharedArrayBuffer }
  | { readonly kind: 'receive'; readonly rounds: SharedArrayBuffer }
)

/** Rounds that a channel has ended, and that it may go beyond. */
export const ENDED = 0
export const PASSED = 1
