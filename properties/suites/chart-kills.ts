/**
 * Judges mutants of the charts. Each is asked every question that any model of the pair asks a chart. One that answers them
 * all as the chart does is the same in those models; another is explored in each model in which it answers differently,
 * breadth first, so that what breaks a claim does so in as few steps as can be. Whoever is left is put before the table of
 * commands and the suites of the core.
 */
import type { Profile } from '../../machines/index.ts'
import { machineOf } from '../../src/core/core-state.ts'
import { commandTable } from '../../src/core/command-table.ts'
import { reach, scenarios } from '../../src/core/scenarios.ts'
import { alphabet, compile, DenseTable, explore, leadsTo, type Model } from '../../src/explore/index.ts'
import { eventKey } from '../../src/explore/compile/automaton.ts'
import { lockStep } from '../../src/explore/models/catalogue.ts'
import { machineOfParty, pairModel, type PairOptions } from '../../src/explore/models/pair.ts'
import type { ChartMutation } from '../mutants/chart-mutants.ts'
import { ourCore, type CoreSystem } from '../worlds/core-world.ts'
import { coreTrials } from './core-trials.ts'

/** What became of a mutant. */
export interface ChartKill {
  readonly mutant: string
  readonly kind: ChartMutation['kind']
  /** `same`: it answers as the chart does in all models, and the core is not seen to differ; `survived`: it does not. */
  readonly verdict: 'killed' | 'same' | 'survived'
  /** The claims that notice it: all that break in the fewest steps, in the first model in which any does. */
  readonly kills: readonly string[]
  /** Steps of the shortest way, where a model shows it. */
  readonly shortest?: number
  /** Where it shows: a model, the table of commands, the suites of the core. */
  readonly where?: string
  /** Why nothing notices it. */
  readonly reason?: string
}

/** A question that a party of a model is asked, and what its chart answers. */
interface Question {
  readonly state: Readonly<Record<string, unknown>>
  readonly event: string
  readonly answer: string
}

interface Ground {
  readonly label: string
  readonly options: PairOptions
  readonly model: Model
  readonly questions: ReadonlyMap<string, readonly Question[]>
}

/** Sequences for the core behind its scripts. */
const CORE_RUNS = 60
/** A mutant that makes more states than this of a world is noticed by that. */
const STATES_MAX = 1_000_000

/** The models, those in which most is noticed soonest first. */
const bounds: readonly (readonly [label: string, options: PairOptions])[] = [
  ['pair', {}],
  ['pair, lock-step', { capabilities: lockStep }],
  ['pair, guest', { guest: true }],
  ['pair, no way back', { returnPath: false }],
  ['pair, 2 faults, fence', { faults: 2, fence: true }],
  ['pair, lock-step, fence', { capabilities: lockStep, fence: true }],
  ['pair, lock-step, guest', { capabilities: lockStep, guest: true, faults: 0 }],
  ['pair, destination without postcopy', { destinationPostcopy: false }],
  ['pair, pause and lock-step', { capabilities: [{ pause: true, postcopy: false, colo: true }], faults: 0 }],
]

/** A state of a table as its parts, by name. */
const partsOf = (table: DenseTable, state: number): Readonly<Record<string, unknown>> => {
  const { regions, members } = table.automaton
  return Object.fromEntries([
    ...regions.map(({ name, states }, region) => [`region ${name}`, states[table.stateOf(state, region)]] as const),
    ...members.map(({ name, values }, member) => [name, values[table.valueOf(state, member)]] as const),
  ])
}

const answerOf = (table: DenseTable, state: number, event: number): string => {
  const next = table.step(state, event)
  const given = table.outputs(state, event).map((output) => table.automaton.outputs[output])
  return JSON.stringify([table.takes(state, event), partsOf(table, next), given])
}

/** Every question that was asked of a table while its model was explored. */
const questionsOf = (table: DenseTable): readonly Question[] => {
  const asked: (readonly [number, number])[] = []
  for (let state = 0; state < table.size; state++)
    for (let event = 0; event < table.width; event++)
      if (table.next[state * table.width + event]! >= 0) asked.push([state, event])
  return asked.map(([state, event]) => ({
    state: partsOf(table, state),
    event: eventKey(table.automaton.events[event]!),
    answer: answerOf(table, state, event),
  }))
}

/** The first question that a table does not answer as it was answered. */
const answeredOtherwise = (table: DenseTable, questions: readonly Question[]): Question | undefined => {
  const { regions, members, events } = table.automaton
  const places = new Map(events.map((event, place) => [eventKey(event), place]))
  return questions.find(({ state, event, answer }) => {
    const place = places.get(event)
    if (place === undefined) return true
    const values = members.map(({ name, values: domain }) => domain.indexOf(state[name] as never))
    if (values.includes(-1) || Object.keys(state).length !== regions.length + members.length) return true
    const from = table.stateFrom(
      regions.map(({ name, states }) => states.indexOf(String(state[`region ${name}`]))),
      values,
    )
    return answerOf(table, from, place) !== answer
  })
}

/** See the head of this file. */
export class ChartJudge {
  readonly #profile: Profile
  readonly #grounds: readonly Ground[]
  readonly #table: string

  /** `only`: labels of the models to look at; default all. */
  constructor(profile: Profile, only?: readonly string[]) {
    this.#profile = profile
    this.#table = commandTable(profile)
    this.#grounds = bounds
      .filter(([label]) => only?.includes(label) ?? true)
      .map(([label, bound]) => {
        const options: PairOptions = { ...bound, profile }
        const model = pairModel(options)
        // All claims, and to the end: what is asked on the way is all that the model can ask.
        const { world } = explore(model, { goesOn: true })
        return {
          label,
          options,
          model,
          questions: new Map(world.parties.map(({ party, table }) => [party.name, questionsOf(table)])),
        }
      })
  }

  /** Questions that the models ask in all. */
  get questions(): number {
    return this.#grounds.reduce(
      (sum, { questions }) => sum + [...questions.values()].reduce((all, each) => all + each.length, 0),
      0,
    )
  }

  async judge(mutation: ChartMutation): Promise<ChartKill> {
    const head = { mutant: mutation.id, kind: mutation.kind }
    let reason: string | undefined
    for (const ground of this.#grounds) {
      const found = this.#inModel(mutation, ground)
      if (found === undefined) continue
      if ('kills' in found) return { ...head, verdict: 'killed', where: ground.label, ...found }
      reason ??= found.reason
    }
    if (!this.#answersCommands(mutation))
      return { ...head, verdict: 'killed', kills: ['commands'], where: 'the table of commands' }
    const kills = await this.#inCore(mutation)
    if (kills.length > 0) return { ...head, verdict: 'killed', kills, where: 'the suites of the core' }
    return reason === undefined
      ? { ...head, verdict: 'same', kills: [], reason: 'nothing that a model asks is answered otherwise' }
      : { ...head, verdict: 'survived', kills: [], reason }
  }

  /** What breaks, or how it differs where nothing does; undefined where it does not differ. */
  #inModel(
    mutation: ChartMutation,
    { label, options, model, questions }: Ground,
  ): Pick<ChartKill, 'kills' | 'shortest'> | { readonly reason: string } | undefined {
    try {
      const automata = model.parties.map(({ name, automaton }) => {
        const machine = machineOfParty(options, name)
        return mutation.apply(machine) === undefined ? automaton : compile(machine, alphabet)
      })
      const [different] = model.parties.flatMap(({ name, automaton }, place) =>
        automata[place] === automaton
          ? []
          : (answeredOtherwise(new DenseTable(automata[place]!), questions.get(name)!) ?? []),
      )
      if (different === undefined) return undefined
      const parties = model.parties.map((party, place) => ({ ...party, automaton: automata[place]! }))
      const reason = `${label}: answers ${different.event} otherwise, and no claim speaks of it`
      return explored({ ...model, parties }) ?? { reason }
    } catch (error) {
      // A chart that cannot be compiled any more, or a step without an end.
      return { kills: [nameOf(error)], shortest: 1 }
    }
  }

  #answersCommands(mutation: ChartMutation): boolean {
    const machines = new Set(
      scenarios(this.#profile).map((one) => machineOf(reach(one, { profile: this.#profile }).state)),
    )
    const undo = [...machines].map((machine) => mutation.apply(machine))
    try {
      return commandTable(this.#profile) === this.#table
    } catch {
      return false
    } finally {
      for (const each of undo) each?.()
    }
  }

  async #inCore(mutation: ChartMutation): Promise<readonly string[]> {
    const undo = new Map<unknown, (() => void) | undefined>()
    const system: CoreSystem = {
      name: mutation.id,
      start: (options) => {
        const state = ourCore.start({ ...options, profile: this.#profile })
        const machine = machineOf(state)
        if (!undo.has(machine)) undo.set(machine, mutation.apply(machine))
        return state
      },
      step: ourCore.step,
    }
    try {
      for await (const broken of coreTrials(system, { runs: CORE_RUNS, seed: 3 }))
        if (broken.length > 0) return broken.map(({ property }) => property.id)
      return []
    } catch (error) {
      return [nameOf(error)]
    } finally {
      for (const each of undo.values()) each?.()
    }
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'error')

const explored = (model: Model): Pick<ChartKill, 'kills' | 'shortest'> | undefined => {
  const found = explore(model, { statesMax: STATES_MAX })
  if (found.violations.length > 0)
    return {
      kills: found.violations.map(({ property }) => property.id),
      shortest: found.violations[0]!.steps.length,
    }
  if (!found.complete) return { kills: ['bound'] }
  if (found.unseen.length > 0) return { kills: found.unseen.map(({ id }) => id) }
  const claims = [...found.world.properties.entries()].filter(([, { kind }]) => kind === 'leads-to')
  const { graph } = explore(model, { keepsEdges: true })
  for (const [place, { id }] of claims) {
    const lasso = leadsTo(graph, place)
    if (lasso !== undefined) return { kills: [id], shortest: lasso.stem.length + lasso.cycle.length }
  }
  return undefined
}
