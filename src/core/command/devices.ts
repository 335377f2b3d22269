/**
 * xen-save-devices-state: the state of all devices in a file, for a toolstack that moves memory itself. The guest stands
 * still while its devices are read; the answer comes when the file is complete. Source: reference of the semantics, 4.14.
 */
import { runState, type CoreState } from '../core-state.ts'
import { accepts, decide, type Step } from '../decide.ts'
import type { DevicesNews } from '../fact.ts'
import { refuse, type Refusal, type Reply } from '../output.ts'
import { answer, defer, pendingSave } from '../pending.ts'
import * as wording from '../wording.ts'
import type { Command, CommandTable } from './call.ts'

/** Allowed at any time, during a migration too, whose status it does not touch. */
const saveDevices: Command = (state, given, nowMillis) => {
  const live = given['live'] !== false
  const filename = String(given['filename'])
  const releases = live && runState(state) !== 'running'
  const [waiting, deferred] = defer(state, { command: 'xen-save-devices-state', filename, live, releases })
  const [next, outputs] = decide(waiting, { type: 'xen-save-devices-state' }, nowMillis)
  return [next, [...outputs, deferred]]
}

/** The file is complete, or there is none: the command is answered, and the images go where they are meant to go. */
export const takeDevicesFact = (
  state: CoreState,
  fact: DevicesNews & { readonly run: number },
  nowMillis: number,
): Step => {
  const save = pendingSave(state, fact.run)
  if (save === undefined) return [state, []]
  if (fact.type === 'devices.save-failed') {
    const [next, refusal] = answer(state, save, failure(save.filename, fact))
    return [next, [refusal]]
  }
  const event = { type: 'devices.saved', live: save.releases } as const
  const [released, outputs] = accepts(state, event) ? decide(state, event, nowMillis) : ([state, []] as const)
  const reply: Reply = { type: 'reply', value: {} }
  const [next, answered] = answer(released, save, reply)
  return [next, [...outputs, answered]]
}

const failure = (filename: string, fact: Extract<DevicesNews, { type: 'devices.save-failed' }>): Refusal =>
  refuse(fact.at === 'open' ? wording.unableToOpen(filename, fact.reason) : wording.ioError)

/** See the head of this file. */
export const deviceCommands: CommandTable = { 'xen-save-devices-state': saveDevices }
