/** The commands of the side that receives a guest. Source: reference of the semantics, 2.2. */
import { hasQuirk, pathOf, type CoreState } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import { refuse, type CoreOutput } from '../output.ts'
import { defer } from '../pending.ts'
import { tlsProblem } from '../tls.ts'
import { descriptorOf, problemOf } from '../uri.ts'
import * as wording from '../wording.ts'
import { refused, type Command, type CommandTable } from './call.ts'
import { withoutDescriptor } from './descriptors.ts'

/** Answered when the listener stands or has failed. */
const migrateIncoming: Command = (state, given, nowMillis) => {
  const uri = String(given['uri'])
  const event = { type: 'migrate-incoming' } as const
  if (!state.startedWith.incoming) return refused(state, wording.notIncoming(state.profile))
  const isSecond = pathOf(state, 'incoming').join('.') !== 'none.deferred'
  if (isSecond && !accepts(state, event)) return refused(state, wording.incomingStarted)
  const problem =
    problemOf(uri, 'incoming', { ...state.equipment, profile: state.profile }) ?? tlsProblem(state, 'server', uri)
  if (isSecond) return listensAgain(state, uri, problem === undefined, nowMillis)
  if (problem !== undefined) return refusedUri(state, problem)
  const begun = withNewRun(withoutDescriptor(state, descriptorOf(uri)), uri)
  const [waiting, deferred] = defer(begun, {
    command: 'migrate-incoming',
    run: begun.incomingNumber,
    before: state.incomingNumber,
  })
  const [next, outputs] = decide(waiting, event, nowMillis)
  return [next, [...outputs, deferred]]
}

const withNewRun = (state: CoreState, uri: string): CoreState => ({
  ...state,
  incomingNumber: state.incomingNumbers + 1,
  incomingNumbers: state.incomingNumbers + 1,
  incoming: { uri },
})

const setup: CoreOutput = { type: 'event', event: { event: 'MIGRATION', data: { status: 'setup' } } }

/** An address that cannot be used changes nothing. QEMU publishes setup before it looks at it (quirk s3). */
const refusedUri = (state: CoreState, problem: string): Step =>
  hasQuirk(state, 's3') ? [state, [setup, refuse(problem)]] : refused(state, problem)

/** Quirk q2: the answer is an error, the listener is opened all the same. */
const listensAgain = (state: CoreState, uri: string, isUsable: boolean, nowMillis: number): Step => {
  const refusal = refuse(wording.incomingStarted)
  if (!isUsable) return [state, [setup, refusal]]
  const [next, outputs] = decide(withNewRun(state, uri), { type: 'migrate-incoming' }, nowMillis)
  return [next, [...outputs, refusal]]
}

/** 7.2 only: a postcopy whose channel broke waits for the source here. Answered when the listener stands or has failed. */
const migrateRecover: Command = (state, given, nowMillis) => {
  const uri = String(given['uri'])
  const event = { type: 'migrate-recover' } as const
  if (!accepts(state, event)) return refused(state, wording.recoverOnlyPaused)
  const problem =
    problemOf(uri, 'incoming', { ...state.equipment, profile: state.profile }) ?? tlsProblem(state, 'server', uri)
  if (problem !== undefined) return refusedUri(state, problem)
  const run = state.incomingNumber
  const again = { ...withoutDescriptor(state, descriptorOf(uri)), incoming: { ...state.incoming, uri } }
  const [waiting, deferred] = defer(again, {
    command: 'migrate-recover',
    run,
    uri: state.incoming?.uri ?? '',
  })
  const [next, outputs] = decide(waiting, event, nowMillis)
  return [next, [...outputs, deferred]]
}

/** See the head of this file. */
export const incomingCommands: CommandTable = { 'migrate-incoming': migrateIncoming, 'migrate-recover': migrateRecover }
