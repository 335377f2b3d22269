/**
 * A model in Promela, for spin. Every region of every chart is a variable with its own transitions; spin itself composes
 * them to steps: it takes an event to the regions in turn, queues what they raise, and carries out what they give out. One
 * rule is one `d_step`, so that its states are those of the model and its depth the number of rules.
 */
import type { CompiledEvent, CompiledTransition, Condition, Operation } from '../compile/automaton.ts'
import type { Decision } from '../compile/decision.ts'
import type { Expression, ModelProperty, Rule, Statement } from '../model/language.ts'
import { carriedOutOn } from '../model/touched.ts'
import { breachVariable, expressionsOf, type PartyInWorld, type World } from '../model/world.ts'
import { eventsTold, raisedBy, refuseAlways } from './component.ts'
import { Names } from './names.ts'

/** Words of the language, and what the text itself uses. */
const reserved =
  'active assert atomic bit bool break byte chan d_step do else empty enabled eval ' +
  'false fi full goto hidden if init inline int len ltl mtype never notrace ' +
  'od of printf priority proctype provided run short skip timeout trace true typedef unless ' +
  'unsigned xr xs queue queued taken out outs event world '

/** Most events that wait within one step, and most outputs of one: an assertion where there are more. */
const QUEUE_MAX = 16
const OUTPUTS_MAX = 24
/** Most members that one assignment sets. */
const UPDATES_MAX = 8

interface PartyNames {
  readonly regions: readonly string[]
  /** By region: how it was when the party was last told something. */
  readonly before: readonly string[]
  readonly members: readonly string[]
  /** By region: the transition that is chosen for the microstep. */
  readonly chosen: readonly string[]
}

/** The value behind the first condition that holds: one statement, because spin bounds how many a `d_step` may have. */
const firstOf = (cases: readonly (readonly [condition: string, value: string])[], otherwise: string): string =>
  cases.reduceRight((rest, [condition, value]) => `(${condition} -> ${value} : ${rest})`, otherwise)

/** How scratch variables are kept out of the states: hidden, or (as a search breadth first wants none) put back to 0. */
export type Scratch = 'hidden' | 'reset'

/** A choice between two events for the same party, and nothing else. */
const toldEitherWay = ({
  does,
  otherwise,
}: Extract<Statement, { kind: 'if' }>):
  { readonly party: string; readonly events: readonly [CompiledEvent, CompiledEvent] } | undefined => {
  const [one, other] = [does[0], otherwise[0]]
  if (does.length !== 1 || otherwise.length !== 1 || one?.kind !== 'tell' || other?.kind !== 'tell') return undefined
  return one.party === other.party ? { party: one.party, events: [one.event, other.event] } : undefined
}

class PromelaWriter {
  readonly #world: World
  readonly #scratch: Scratch
  readonly #names = new Names(reserved.split(' '))
  readonly #parties: readonly PartyNames[]
  readonly #variables: readonly string[]
  /** Regions of which it is asked how they were before. */
  readonly #askedBefore: ReadonlySet<string>

  constructor(world: World, scratch: Scratch) {
    this.#world = world
    this.#scratch = scratch
    this.#parties = world.parties.map(({ party }) => {
      const { regions, members, id } = party.automaton
      refuseAlways(party.automaton)
      const named = regions.map(({ name }) => `${party.name} ${name === '' ? id : name}`)
      return {
        regions: named.map((name) => this.#names.give(name)),
        before: named.map((name) => this.#names.give(`${name} before`)),
        members: members.map(({ name }) => this.#names.give(`${party.name} ${name}`)),
        chosen: named.map((name) => this.#names.give(`${name} chosen`)),
      }
    })
    this.#variables = world.variables.map(({ name }) => this.#names.give(name))
    this.#askedBefore = new Set(
      expressionsOf(world).flatMap((each) =>
        each.kind === 'in' && each.before ? [`${each.party} ${each.region}`] : [],
      ),
    )
  }

  write(properties: readonly ModelProperty[]): string {
    const { model, parties } = this.#world
    return [
      `/* ${model.name}: ${model.about.join('; ')} */`,
      ...parties.flatMap((party, place) => this.#declareParty(party, place)),
      ...this.#world.variables.flatMap(({ name, values }, place) => [
        `byte ${this.#variables[place]!} = 0 /* ${name}: ${values.map((value, number) => `${number} ${value}`).join(', ')} */`,
      ]),
      `${this.#keyword} queue[${QUEUE_MAX}], waiting, next, event, outs[${OUTPUTS_MAX}], given, out, new_values[${UPDATES_MAX}]`,
      ...this.#clearing(),
      ...parties.flatMap((party, place) => this.#microsteps(party, place)),
      ...properties.map((property, index) => `#define broken_${index} (${this.#claim(property)}) /* ${property.id} */`),
      `active proctype world() {`,
      `  do`,
      ...model.rules.flatMap((rule) => this.#rule(rule, properties)),
      `  od`,
      `}`,
      ``,
    ].join('\n')
  }

  #declareParty({ party, table }: PartyInWorld, place: number): readonly string[] {
    const names = this.#parties[place]!
    const { regions, members } = party.automaton
    const askedBefore = (name: string): boolean => this.#askedBefore.has(`${party.name} ${name}`)
    return [
      ...regions.flatMap(({ name, states }, region) => [
        `byte ${names.regions[region]!} = ${table.stateOf(table.initial, region)} /* ${states.map((state, number) => `${number} ${state}`).join(', ')} */`,
        ...(askedBefore(name) ? [`${this.#keyword} ${names.before[region]!}`] : []),
      ]),
      ...members.map(
        ({ values }, member) =>
          `byte ${names.members[member]!} = ${table.valueOf(table.initial, member)} /* ${values.map((value, number) => `${number} ${String(value)}`).join(', ')} */`,
      ),
      `${this.#keyword} ${names.chosen.join(', ')}`,
    ]
  }

  get #keyword(): string {
    return this.#scratch === 'hidden' ? 'hidden byte' : 'byte'
  }

  /** Puts scratch variables back, where they count as part of a state. */
  #clearing(): readonly string[] {
    if (this.#scratch === 'hidden') return []
    const plain = this.#parties.flatMap(({ before, chosen }, place) => [
      ...chosen,
      ...before.filter((_, region) => {
        const { party } = this.#world.parties[place]!
        return this.#askedBefore.has(`${party.name} ${party.automaton.regions[region]!.name}`)
      }),
    ])
    const empties = (count: string, array: string): string =>
      `do :: ${count} > 0 -> ${count}--; ${array}[${count}] = 0 :: else -> break od;`
    return [
      `inline clear() {`,
      `  ${empties('waiting', 'queue')} ${empties('given', 'outs')}`,
      `  ${['next', 'event', 'out', ...plain].map((name) => `${name} = 0;`).join(' ')}`,
      `  ${Array.from({ length: UPDATES_MAX }, (_, index) => `new_values[${index}] = 0;`).join(' ')}`,
      `  skip`,
      `}`,
    ]
  }

  /** One inline for each event that a party can be told or can raise. */
  #microsteps({ party }: PartyInWorld, place: number): readonly string[] {
    const told = eventsTold(this.#world, party.name)
    const all = [...new Set([...told, ...raisedBy(party.automaton, told)])]
    return all.flatMap((event) => [
      `inline ${this.#onName(place, event)}() { /* ${JSON.stringify(party.automaton.events[event])} */`,
      ...this.#microstep(place, event).map((line) => `  ${line}`),
      `}`,
    ])
  }

  #onName(place: number, event: number): string {
    return `on_${place}_${event}`
  }

  /** Each region chooses in the state before the microstep; then all leave, the last first, all act, and all enter. */
  #microstep(place: number, event: number): readonly string[] {
    const { automaton } = this.#world.parties[place]!.party
    const names = this.#parties[place]!
    const involved = automaton.regions.flatMap(({ handlers }, region) => {
      const of = handlers[event]
      return of === undefined
        ? []
        : [{ region, transitions: of.flatMap((each, state) => each.map((one) => ({ state, one }))) }]
    })
    const lines: string[] = []
    for (const { region, transitions } of involved)
      lines.push(
        `${names.chosen[region]!} = ${firstOf(
          transitions.map(({ state, one }, index) => [
            `${names.regions[region]!} == ${state} && ${this.#condition(place, one.condition)}`,
            String(index + 1),
          ]),
          '0',
        )};`,
      )
    const phase = (from: typeof involved, of: (one: CompiledTransition) => readonly string[]): void => {
      for (const { region, transitions } of from) {
        const options = transitions.flatMap(({ one }, index) => {
          const does = of(one)
          return does.length === 0
            ? []
            : [
                `:: ${names.chosen[region]!} == ${index + 1} -> ${does.map((each) => each.replace(/;$/, '')).join('; ')}`,
              ]
        })
        if (options.length > 0) lines.push('if', ...options, ':: else', 'fi;')
      }
    }
    const perform = (operations: readonly Operation[]) => operations.flatMap((each) => this.#operation(place, each))
    phase(involved.toReversed(), ({ exits }) => perform(exits))
    phase(involved, ({ actions }) => perform(actions))
    for (const { region, transitions } of involved) {
      const name = names.regions[region]!
      const entered = transitions.map(
        ({ one }, index) => [`${names.chosen[region]!} == ${index + 1}`, String(one.to)] as const,
      )
      lines.push(`${name} = ${firstOf(entered, name)};`)
    }
    phase(involved, ({ entries }) => perform(entries))
    const root = automaton.root[event]
    if (root !== undefined) {
      const nobody = involved.map(({ region }) => `${names.chosen[region]!} == 0`).join(' && ') || 'true'
      lines.push(
        'if',
        ...root.map(
          (one) =>
            `:: ${nobody} && ${this.#condition(place, one.condition)} -> ${[...perform(one.actions), 'skip'].join('; ')}`,
        ),
        ':: else',
        'fi;',
      )
    }
    return lines.length === 0 ? ['skip'] : [...lines, 'skip']
  }

  #operation(place: number, operation: Operation): readonly string[] {
    switch (operation.kind) {
      case 'output': {
        const { carriedOut } = this.#world.parties[place]!
        const matters = this.#someResult(operation.output, (output) => carriedOut[output]!.length > 0)
        return matters
          ? [`assert(given < ${OUTPUTS_MAX})`, `outs[given] = ${this.#decision(place, operation.output)}`, `given++`]
          : []
      }
      case 'raise':
        return [
          `assert(waiting < ${QUEUE_MAX})`,
          `queue[waiting] = ${this.#decision(place, operation.event)}`,
          `waiting++`,
        ]
      case 'assign':
        return this.#assign(place, operation)
    }
  }

  /** All values are chosen before any is set; -1 leaves a member as it is. */
  #assign(place: number, { updates }: Extract<Operation, { kind: 'assign' }>): readonly string[] {
    const { members } = this.#parties[place]!
    const valueOf = ({ member, value }: (typeof updates)[number]): string =>
      this.#decision(place, value, (result) => (result < 0 ? members[member]! : String(result)))
    if (updates.length > UPDATES_MAX)
      throw new Error(`expected at most ${UPDATES_MAX} members in an assignment, found ${updates.length}`)
    if (updates.length === 1) return updates.map((update) => `${members[update.member]!} = ${valueOf(update)}`)
    return [
      ...updates.map((update, index) => `new_values[${index}] = ${valueOf(update)}`),
      ...updates.map(({ member }, index) => `${members[member]!} = new_values[${index}]`),
    ]
  }

  #someResult<T>(decision: Decision<T>, is: (result: T) => boolean): boolean {
    return 'result' in decision ? is(decision.result) : decision.cases.some((each) => this.#someResult(each, is))
  }

  #decision<T>(place: number, decision: Decision<T>, text: (result: T) => string = String): string {
    if ('result' in decision) return text(decision.result)
    const name = this.#parties[place]!.members[decision.member]!
    const [first, ...rest] = decision.cases.map((each) => this.#decision(place, each, text))
    return rest.reduceRight((otherwise, each, index) => `(${name} == ${index + 1} -> ${each} : ${otherwise})`, first!)
  }

  #condition(place: number, condition: Condition): string {
    const { regions } = this.#parties[place]!
    switch (condition.kind) {
      case 'constant':
        return String(condition.value)
      case 'context':
        return this.#decision(place, condition.decision)
      case 'in':
        return this.#oneOf(regions[condition.region]!, condition.states)
      case 'all':
        return `(${condition.conditions.map((each) => this.#condition(place, each)).join(' && ') || 'true'})`
      case 'any':
        return `(${condition.conditions.map((each) => this.#condition(place, each)).join(' || ') || 'false'})`
      case 'not':
        return `!(${this.#condition(place, condition.condition)})`
    }
  }

  #oneOf(name: string, values: readonly number[]): string {
    return `(${values.map((value) => `${name} == ${value}`).join(' || ') || 'false'})`
  }

  #expression(expression: Expression): string {
    const world = this.#world
    switch (expression.kind) {
      case 'constant':
        return String(expression.value)
      case 'is':
        return `${this.#variables[world.variablePlace(expression.variable)]!} == ${world.valueOf(expression.variable, expression.value)}`
      case 'same':
        return `${this.#variables[world.variablePlace(expression.variable)]!} == ${this.#variables[world.variablePlace(expression.other)]!}`
      case 'all':
        return `(${expression.of.map((each) => this.#expression(each)).join(' && ') || 'true'})`
      case 'any':
        return `(${expression.of.map((each) => this.#expression(each)).join(' || ') || 'false'})`
      case 'not':
        return `!(${this.#expression(expression.of)})`
      case 'in': {
        const [region, states] = world.statesOf(expression)
        const names = this.#parties[world.partyPlace(expression.party)]!
        return this.#oneOf((expression.before ? names.before : names.regions)[region]!, states)
      }
      case 'remembers': {
        const [member, value] = world.memberOf(expression)
        return value < 0
          ? 'false'
          : `${this.#parties[world.partyPlace(expression.party)]!.members[member]!} == ${value}`
      }
    }
  }

  #statements(statements: readonly Statement[]): readonly string[] {
    return statements.flatMap((statement) => this.#statement(statement))
  }

  #statement(statement: Statement): readonly string[] {
    const world = this.#world
    const name = (variable: string): string => this.#variables[world.variablePlace(variable)]!
    switch (statement.kind) {
      case 'set':
        return [`${name(statement.variable)} = ${world.valueOf(statement.variable, statement.value)};`]
      case 'copy':
        return [`${name(statement.variable)} = ${name(statement.from)};`]
      case 'advance':
        return [`${name(statement.variable)}++;`]
      case 'if': {
        const told = toldEitherWay(statement)
        if (told !== undefined) return this.#tell(told.party, told.events, this.#expression(statement.when))
        const does = this.#statements(statement.does)
        const otherwise = this.#statements(statement.otherwise)
        return [
          'if',
          `:: ${this.#expression(statement.when)} -> skip;`,
          ...does,
          `:: else -> skip;`,
          ...otherwise,
          'fi;',
        ]
      }
      case 'tell':
        return this.#tell(statement.party, [statement.event])
      case 'reset': {
        const place = world.partyPlace(statement.party)
        const { table, party } = world.parties[place]!
        const names = this.#parties[place]!
        return [
          ...party.automaton.regions.map(
            (_, region) => `${names.regions[region]!} = ${table.stateOf(table.initial, region)};`,
          ),
          ...party.automaton.members.map(
            (_, member) => `${names.members[member]!} = ${table.valueOf(table.initial, member)};`,
          ),
          ...this.#rememberBefore(place),
        ]
      }
      case 'breach': {
        const place = world.breachPlace(statement.property)
        return place === undefined ? [] : [`${this.#variables[place]!} = 1;`]
      }
    }
  }

  #rememberBefore(place: number): readonly string[] {
    const { party } = this.#world.parties[place]!
    const names = this.#parties[place]!
    return party.automaton.regions.flatMap(({ name }, region) =>
      this.#askedBefore.has(`${party.name} ${name}`) ? [`${names.before[region]!} = ${names.regions[region]!};`] : [],
    )
  }

  /**
   * One of one or two events, then what it raises and so on; behind that the world carries out what was given out. Two are
   * told in one place: spin bounds how long a `d_step` may be.
   */
  #tell(party: string, events: readonly CompiledEvent[], isFirst = 'true'): readonly string[] {
    const world = this.#world
    const place = world.partyPlace(party)
    const numbers = events.map((event) => world.eventPlace(party, event))
    const [number, other = number] = numbers
    const { carriedOut, party: told } = world.parties[place]!
    const taken = [...new Set([...numbers, ...raisedBy(told.automaton, numbers)])]
    const outputs = [...new Set(events.flatMap((event) => carriedOutOn(world, party, event)))]
    return [
      `queue[0] = ${number === other ? number : `(${isFirst} -> ${number} : ${other})`};`,
      ...this.#rememberBefore(place),
      `waiting = 1; next = 0; given = 0;`,
      `do`,
      `:: next < waiting ->`,
      `event = queue[next]; next++;`,
      `if`,
      ...taken.map((each) => `:: event == ${each} -> ${this.#onName(place, each)}()`),
      `fi`,
      `:: else -> break`,
      `od;`,
      ...(outputs.length === 0
        ? []
        : [
            `out = 0;`,
            `do`,
            `:: out < given ->`,
            `if`,
            ...outputs.flatMap((output) => [
              `:: outs[out] == ${output} -> skip; /* ${JSON.stringify(told.automaton.outputs[output])} */`,
              ...this.#statements(carriedOut[output]!),
            ]),
            `:: else`,
            `fi;`,
            `out++`,
            `:: else -> break`,
            `od;`,
          ]),
      ...this.#statements(told.afterwards),
    ]
  }

  #rule(rule: Rule, properties: readonly ModelProperty[]): readonly string[] {
    return [
      `  :: d_step { ${this.#expression(rule.when)} -> /* ${rule.lane}: ${rule.name} */`,
      ...this.#statements(rule.does).map((line) => `    ${line}`),
      ...(properties.length === 0 ? [] : [`    ${this.#assertions(properties)};`]),
      `    ${this.#scratch === 'hidden' ? 'skip' : 'clear()'} }`,
    ]
  }

  #claim(property: ModelProperty): string {
    if (property.kind === 'never') return this.#expression(property.when)
    if (property.kind === 'always') return `!(${this.#expression(property.when)})`
    return this.#expression({ kind: 'is', variable: breachVariable(property.id), value: 'yes' })
  }

  #assertions(properties: readonly ModelProperty[]): string {
    return properties.map((_, index) => `assert(!broken_${index})`).join('; ')
  }
}

/** Claims that an assertion can express. */
export const isAssertable = ({ kind }: ModelProperty): boolean =>
  kind === 'never' || kind === 'always' || kind === 'breach'

/** What an export is made for. */
export interface PromelaOptions {
  /** Identifiers of the claims that are asserted behind every rule. Default none: states are counted. */
  readonly asserted?: readonly string[]
  /** Default `hidden`. */
  readonly scratch?: Scratch
}

/** The model as a Promela specification. */
export const promela = (world: World, { asserted = [], scratch = 'hidden' }: PromelaOptions = {}): string => {
  const properties = world.properties.filter((property) => asserted.includes(property.id) && isAssertable(property))
  return new PromelaWriter(world, scratch).write(properties)
}
