/**
 * Races of the runtime: a command that comes while something else is going on. The real processes move a small guest over a
 * simulated network; from the moment that the race begins the order of their fibers is chosen, decision by decision, and what
 * was seen is held against every property, bytes of the destination included.
 */
import { Effect } from 'effect'
import { perform, type RuntimeAction } from '../arbitraries/runtime-commands.ts'
import { breaches, type Breach } from '../catalogue.ts'
import { pathOf } from '../state-view.ts'
import { RuntimeWorld, type Plan, type RuntimeSystem } from '../worlds/runtime-world.ts'
import { OwnedScheduler, type Choose, type Decision } from './owned-scheduler.ts'
import { following, nextChoices, pct } from './strategy.ts'

/** See the head of this file. */
export interface Race {
  readonly id: string
  readonly title: string
  readonly plan: Plan
  /** What is done first, in the order of the world. */
  readonly before: readonly RuntimeAction[]
  /** What runs against each other: the commands, and what goes on beside them. */
  readonly commands: readonly { readonly party: string; readonly name: string; readonly arguments?: unknown }[]
  /** The state of the source in which the commands are given; absent: at once. */
  readonly at?: string
  /** Decisions that are chosen; behind them it is first come, first served. */
  readonly decisionsMax: number
}

/** A run under one schedule. */
export interface Scheduled {
  readonly decisions: readonly Decision[]
  readonly breaches: readonly Breach[]
}

/** Runs a race once. */
export const runRace = async (race: Race, system: RuntimeSystem, choose: Choose): Promise<Scheduled> => {
  const scheduler = new OwnedScheduler()
  const world = await RuntimeWorld.make(system, race.plan, scheduler)
  const { at, before, commands, decisionsMax } = race
  if (at !== undefined)
    world.onSourceState = (state) => {
      if (pathOf(state, 'outgoing').join('.') !== at) return Effect.void
      world.onSourceState = undefined
      return Effect.gen(function* () {
        scheduler.decide(choose, decisionsMax)
        for (const { party, name, arguments: args } of commands)
          yield* Effect.forkDetach(world.commandFromWithin(party, name, args))
      })
    }
  for (const action of before) await perform(world, action)
  if (at === undefined) {
    scheduler.decide(choose, decisionsMax)
    await world.race(commands.map(({ party, name, arguments: args }) => [party, name, args] as const))
  }
  const observation = await world.finish()
  return { decisions: scheduler.decisions, breaches: breaches(observation) }
}

/** Makes a run again: the choices of a list. */
export const replayRace = (race: Race, system: RuntimeSystem, choices: readonly number[]): Promise<Scheduled> =>
  runRace(race, system, following(choices))

/** What many schedules came to. */
export interface RaceResult {
  readonly race: string
  readonly schedules: number
  /** All there are, as far as `decisionsMax` goes. */
  readonly complete: boolean
  readonly broken: number
  /** The first that breaks something: the choices that make it again, and what it breaks. */
  readonly found?: { readonly choices: readonly number[]; readonly breaches: readonly Breach[] }
}

/** How many schedules are tried. */
export interface RaceOptions {
  /** Most schedules. */
  readonly schedulesMax: number
  /** Goes on behind the first that breaks something. Default false. */
  readonly goesOn?: boolean
  /** Chooses at random from this seed on, instead of one after the other. */
  readonly seed?: number
}

/** Every schedule of a race, depth first, or with a seed so many at random. */
export const searchRace = async (race: Race, system: RuntimeSystem, options: RaceOptions): Promise<RaceResult> => {
  const { schedulesMax, goesOn = false, seed } = options
  let choices: readonly number[] | undefined = []
  let schedules = 0
  let broken = 0
  let found: RaceResult['found']
  while (choices !== undefined && schedules < schedulesMax) {
    const choose =
      seed === undefined ? following(choices) : pct({ seed: seed + schedules, decisionsMax: race.decisionsMax })
    const run: Scheduled = await runRace(race, system, choose)
    schedules++
    if (run.breaches.length > 0) {
      broken++
      found ??= { choices: run.decisions.map(({ picked }) => picked), breaches: run.breaches }
    }
    if (seed === undefined) choices = nextChoices(run.decisions)
    if (found !== undefined && !goesOn) break
  }
  return {
    race: race.id,
    schedules,
    complete: choices === undefined,
    broken,
    ...(found === undefined ? {} : { found }),
  }
}

/** A list of choices as text, and back. */
export const formatChoices = (choices: readonly number[]): string => choices.join('.')
export const parseChoices = (text: string): readonly number[] => text.split('.').filter(Boolean).map(Number)
