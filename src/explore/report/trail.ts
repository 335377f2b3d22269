/**
 * A way through a model with everything that can be told of it: what each rule did to whom. Every form in which a
 * counterexample is written down starts from here.
 */
import { eventKey, type CompiledOutput } from '../compile/automaton.ts'
import { initialState, type Step, type WorldState } from '../model/interpreter.ts'
import type { ModelChannel } from '../model/language.ts'
import type { World } from '../model/world.ts'
import type { Lasso } from '../search/leads-to.ts'
import type { Violation } from '../search/explorer.ts'

/** Something that has another value than before. */
export interface Change {
  readonly name: string
  readonly from: string
  readonly to: string
}

/** What a step did to one party. */
export interface PartyChange {
  readonly party: string
  /** What it was told, and whether it took it. */
  readonly told: readonly { readonly text: string; readonly taken: boolean }[]
  readonly outputs: readonly string[]
  /** Regions and members of the context. */
  readonly changes: readonly Change[]
}

/** A message that was put into a channel, or taken out of it. */
export interface MessageSeen {
  readonly channel: ModelChannel
  readonly message: string
}

/** One step. */
export interface TrailStep {
  readonly number: number
  readonly step: Step
  readonly parties: readonly PartyChange[]
  /** Variables of the world; not those that only properties look at. */
  readonly world: readonly Change[]
  readonly sent: readonly MessageSeen[]
  readonly read: readonly MessageSeen[]
}

/** See the head of this file. */
export interface Trail {
  readonly world: World
  readonly property?: { readonly id: string; readonly text: string }
  readonly steps: readonly TrailStep[]
  /** Steps behind this one are gone round for ever; the number of steps where nothing more happens, or none of it matters. */
  readonly loop?: number
}

/** The value of a region or of a member of a party, in words. */
const partsOf = (world: World, place: number, state: number): readonly (readonly [string, string])[] => {
  const { table, party } = world.parties[place]!
  const { regions, members } = party.automaton
  return [
    ...regions.map(({ name, states }, region): [string, string] => [
      name === '' ? party.automaton.id : name,
      states[table.stateOf(state, region)]!,
    ]),
    ...members.map(({ name, values }, member): [string, string] => [
      name,
      String(values[table.valueOf(state, member)]),
    ]),
  ]
}

/** An output in short: its name, and what it says. */
export const outputText = ({ type, params }: CompiledOutput): string => {
  if (typeof params !== 'object' || params === null) return type
  return `${type} ${Object.values(params).map(String).join(' ')}`
}

const eventText = (event: { readonly type: string }): string => {
  const { type, ...members } = JSON.parse(eventKey(event)) as { readonly type: string }
  const given = Object.entries(members).map(([name, value]) => `${name}=${String(value)}`)
  return [type, ...given].join(' ')
}

const differing = (
  before: readonly (readonly [string, string])[],
  after: readonly (readonly [string, string])[],
): readonly Change[] =>
  after.flatMap(([name, to], index) => {
    const from = before[index]![1]
    return from === to ? [] : [{ name, from, to }]
  })

const messagesIn = (world: World, state: WorldState, { variables }: ModelChannel): readonly string[] =>
  variables.flatMap((name) => {
    const place = world.variablePlace(name)
    const value = state.values[place]!
    return value === 0 ? [] : [world.variables[place]!.values[value]!]
  })

const stepSeen = (world: World, number: number, before: WorldState, step: Step): TrailStep => {
  const { after, told } = step
  const queues = new Set((world.model.channels ?? []).flatMap(({ variables }) => variables))
  const parties = world.parties.flatMap(({ party: { name } }, place): readonly PartyChange[] => {
    const heard = told.filter(({ party }) => party === name)
    const changes = differing(
      partsOf(world, place, before.parties[place]!),
      partsOf(world, place, after.parties[place]!),
    )
    if (heard.length === 0 && changes.length === 0) return []
    return [
      {
        party: name,
        told: heard.map(({ event, taken }) => ({ text: eventText(event), taken })),
        outputs: heard.flatMap(({ outputs }) => outputs.map(outputText)),
        changes,
      },
    ]
  })
  const variables = world.model.variables.flatMap(({ name, values, isShadow }, place): readonly Change[] => {
    const [from, to] = [before.values[place]!, after.values[place]!]
    return from === to || isShadow === true || queues.has(name) ? [] : [{ name, from: values[from]!, to: values[to]! }]
  })
  const sent: MessageSeen[] = []
  const read: MessageSeen[] = []
  for (const channel of world.model.channels ?? []) {
    const [was, is] = [messagesIn(world, before, channel), messagesIn(world, after, channel)]
    // What is left of what was there stands in front; nothing is ever put in between.
    const kept = [...was.keys(), was.length].find((gone) => was.slice(gone).every((each, index) => is[index] === each))!
    for (const message of was.slice(0, kept)) read.push({ channel, message })
    for (const message of is.slice(was.length - kept)) sent.push({ channel, message })
  }
  return { number, step, parties, world: variables, sent, read }
}

/** The trail of some steps from the start. */
export const trailOf = (world: World, steps: readonly Step[]): Trail => {
  let before = initialState(world)
  return {
    world,
    steps: steps.map((step, index) => {
      const seen = stepSeen(world, index + 1, before, step)
      before = step.after
      return seen
    }),
  }
}

/** The trail of what breaks a property. */
export const violationTrail = (world: World, { property, steps }: Violation): Trail => ({
  ...trailOf(world, steps),
  property,
})

/** The trail of what breaks a claim of what follows. */
export const lassoTrail = (world: World, { property, stem, cycle }: Lasso): Trail => ({
  ...trailOf(world, [...stem, ...cycle]),
  property,
  loop: stem.length,
})
