/**
 * The moments that random time hardly ever hits: every state of the source, and every message on the wire. One run counts
 * them; then there is one run for each.
 */
import { Effect } from 'effect'
import type { Direction, Fate } from '../../src/channel/simulated-network.ts'
import { breaches, catalogue, type Breach } from '../catalogue.ts'
import type { Observation } from '../observation.ts'
import type { Property } from '../property.ts'
import { pathOf } from '../state-view.ts'
import { ourRuntime, RuntimeWorld, type Plan, type RuntimeSystem } from '../worlds/runtime-world.ts'
import type { CommandCall } from '../arbitraries/command-calls.ts'

/** One moment, what was done at it, and what that broke. */
export interface Instant {
  readonly what: string
  readonly observation: Observation
  readonly breaches: readonly Breach[]
}

/** What both walks need. */
export interface InstantOptions {
  readonly system?: RuntimeSystem
  readonly plan: Plan
  readonly properties?: readonly Property[]
}

const held = (what: string, observation: Observation, properties: readonly Property[]): Instant => ({
  what,
  observation,
  breaches: breaches(observation, properties),
})

/** Something that is done at a state. */
export interface InstantAct {
  readonly name: string
  readonly act: (world: RuntimeWorld) => Effect.Effect<void>
  /** Migrates once more behind it. */
  readonly again?: boolean
  /** What is frozen stays frozen, and the operator cancels. */
  readonly partition?: boolean
}

/** A command to the source. */
export const commandAct = ({ name, arguments: args }: CommandCall): InstantAct => ({
  name,
  act: (world) => world.commandFromWithin('source', name, args),
  again: true,
})

/** The destination's host loses power. */
export const crashAct: InstantAct = {
  name: 'crash',
  act: (world) => world.crashFromWithin(world.destination?.party ?? ''),
}

/** Nothing moves any more, for ever. */
export const partitionAct: InstantAct = {
  name: 'partition',
  act: (world) => Effect.sync(() => world.freeze(true)),
  partition: true,
}

/** The channel breaks, with what is under way. */
export const cutAct = (fate: Fate): InstantAct => ({
  name: `cut, ${fate},`,
  act: (world) => Effect.sync(() => world.cut(fate)),
  again: true,
})

/** The migration as it goes, with the pause continued. */
const goOn = async (world: RuntimeWorld): Promise<void> => {
  for (let tick = 0; tick < 12; tick++) {
    await world.advance(50)
    if ((await world.outgoingPath)[0] === 'pre-switchover')
      await world.command('source', 'migrate-continue', { state: 'pre-switchover' })
  }
}

const withActAt = async (
  system: RuntimeSystem,
  plan: Plan,
  at: number,
  { act, again, partition = false }: InstantAct,
): Promise<{ readonly observation: Observation; readonly state: string; readonly states: number }> => {
  const world = await RuntimeWorld.make(system, plan)
  let states = 0
  let state = ''
  let last = ''
  world.onSourceState = (next) => {
    const path = pathOf(next, 'outgoing').join('.')
    if (path === last || path === 'none') return Effect.void
    last = path
    if (++states !== at) return Effect.void
    state = path
    return act(world)
  }
  await world.migrate()
  await goOn(world)
  world.onSourceState = undefined
  if (again === true) await world.migrate()
  return { observation: await world.finish({ partition }), state, states }
}

/** Does something at each state that a run of the source goes through. */
export const atEveryState = async (options: InstantOptions, act: InstantAct): Promise<readonly Instant[]> => {
  const { system = ourRuntime, plan, properties = catalogue } = options
  const { states } = await withActAt(system, plan, 0, act)
  const found: Instant[] = []
  for (let at = 1; at <= states; at++) {
    const { observation, state } = await withActAt(system, plan, at, act)
    found.push(held(`${act.name} at ${state}`, observation, properties))
  }
  return found
}

/** What breaks a channel at a message. */
export interface CutChoice {
  readonly direction: Direction
  readonly message: number
  readonly fate: Fate
}

const withCutAt = async (system: RuntimeSystem, plan: Plan, cut: CutChoice | undefined): Promise<Observation> => {
  const world = await RuntimeWorld.make(system, plan)
  if (cut !== undefined)
    world.cutAt({
      connection: 0,
      direction: cut.direction,
      at: { message: cut.message },
      fate: cut.fate,
    })
  await world.migrate()
  await goOn(world)
  return world.finish()
}

/** Cuts the channel at every message that a run exchanges, in both directions, with the message delivered and dropped. */
export const cutAtEveryMessage = async (options: InstantOptions): Promise<readonly Instant[]> => {
  const { system = ourRuntime, plan, properties = catalogue } = options
  const world = await RuntimeWorld.make(system, plan)
  await world.migrate()
  await goOn(world)
  const { messages } = world.network.figures[0] ?? { messages: { forward: 0, back: 0 } }
  await world.finish()
  const found: Instant[] = []
  for (const direction of ['forward', 'back'] as const)
    for (let message = 1; message <= messages[direction]; message++)
      for (const fate of ['delivered', 'dropped'] as const) {
        const observation = await withCutAt(system, plan, { direction, message, fate })
        found.push(held(`message ${message} ${direction}, ${fate}`, observation, properties))
      }
  return found
}
