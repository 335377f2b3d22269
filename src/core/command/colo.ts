/** The commands of COLO, and the facts that answer them. Source: reference of the semantics, 3.1, 3.5, 8.4. */
import { coloMode, failoverStatus, isColoBroken, type CoreState } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import type { FailoverNews } from '../fact.ts'
import { refuse, type Refusal, type Reply } from '../output.ts'
import { answer, defer, pendingFence } from '../pending.ts'
import * as wording from '../wording.ts'
import { done, refused, replied, type Command, type CommandTable } from './call.ts'

/**
 * Success means that the failover goes through. With a fence the answer waits for it: what the fence cannot confirm is
 * refused, and lock-step goes on.
 */
const lostHeartbeat: Command = (state, _given, nowMillis) => {
  const event = { type: 'x-colo-lost-heartbeat' } as const
  if (coloMode(state) === 'unknown') return refused(state, wording.coloOff)
  if (!accepts(state, event)) return refused(state, wording.failoverActivated(state.profile))
  if (!state.startedWith.fence) return done(state, event, nowMillis)
  const [waiting, deferred] = defer(state, { command: 'x-colo-lost-heartbeat' })
  const [next, outputs] = decide(waiting, event, nowMillis)
  return [next, [...outputs, deferred]]
}

/** The fence has spoken: the command that asked for it is answered. */
export const takeFailoverFact = (
  state: CoreState,
  fact: FailoverNews & { readonly run: number },
  nowMillis: number,
): Step => {
  const asked = pendingFence(state, fact.run)
  if (asked === undefined) return [state, []]
  const [next, outputs] = decide(state, { type: fact.type }, nowMillis)
  const [answered, output] = answer(next, asked, verdictOf(next, fact))
  return [answered, [...outputs, output]]
}

/** COLO may have ended while the fence was asked; then there is nothing to take over. */
const verdictOf = (state: CoreState, fact: FailoverNews): Reply | Refusal => {
  if (fact.type === 'failover.not-fenced') return refuse(wording.notFenced(fact.reason))
  return failoverStatus(state) === 'none' ? refuse(wording.coloOff) : { type: 'reply', value: {} }
}

const reasonOf = (state: CoreState) => {
  if (['require', 'active', 'relaunch'].includes(failoverStatus(state))) return 'processing'
  if (isColoBroken(state)) return 'error'
  return coloMode(state) === 'unknown' ? (state.leftColo?.reason ?? 'none') : 'none'
}

/** 7.2 only. */
const queryColoStatus = (state: CoreState): Step => {
  const mode = coloMode(state)
  return replied(state, {
    mode: mode === 'unknown' ? 'none' : mode,
    'last-mode': state.leftColo?.mode ?? 'none',
    reason: reasonOf(state),
  })
}

/** See the head of this file. */
export const coloCommands: CommandTable = {
  'x-colo-lost-heartbeat': lostHeartbeat,
  'query-colo-status': queryColoStatus,
}
