/**
 * A model in TLA+. Every region of every chart is a field with its own transitions; an event is taken by the regions one by
 * one, what they raise waits in a sequence, and what they give out is carried out behind it: the composition is written out as
 * operators on the state, so that whoever checks it composes the components anew. One rule is one action.
 */
import type { CompiledTransition, Condition, Operation } from '../compile/automaton.ts'
import { resultsOf, type Decision } from '../compile/decision.ts'
import type { Expression, ModelProperty, Rule, Statement } from '../model/language.ts'
import { carriedOutOn } from '../model/touched.ts'
import { breachVariable, type PartyInWorld, type World } from '../model/world.ts'
import { eventsTold, raisedBy, refuseAlways } from './component.ts'
import { Names } from './names.ts'

const reserved = [
  'ASSUME',
  'CASE',
  'CHOOSE',
  'DOMAIN',
  'ELSE',
  'EXCEPT',
  'IF',
  'IN',
  'LET',
  'OTHER',
  'THEN',
  'SUBSET',
  'UNION',
]

interface PartyNames {
  readonly regions: readonly string[]
  readonly before: readonly string[]
  readonly members: readonly string[]
}

/** A text of a record, built by setting fields of another one, in an order that matters. */
class Chain {
  #text: string
  readonly #fresh: () => string
  readonly #lets: string[] = []

  constructor(text: string, fresh: () => string) {
    this.#text = text
    this.#fresh = fresh
  }

  /** What the record is now called. */
  get now(): string {
    return this.#text
  }

  /** The record is from now on what `text` says. */
  becomes(text: string): void {
    const name = this.#fresh()
    this.#lets.push(`${name} == ${text}`)
    this.#text = name
  }

  /** All of it as one expression. */
  get expression(): string {
    return this.#lets.length === 0 ? this.#text : `(LET ${this.#lets.join('\n    ')}\n  IN ${this.#text})`
  }
}

class TlaWriter {
  readonly #world: World
  readonly #names = new Names(reserved)
  readonly #parties: readonly PartyNames[]
  readonly #variables: readonly string[]

  constructor(world: World) {
    this.#world = world
    this.#parties = world.parties.map(({ party }) => {
      const { regions, members, id } = party.automaton
      refuseAlways(party.automaton)
      const named = regions.map(({ name }) => `${party.name} ${name === '' ? id : name}`)
      return {
        regions: named.map((name) => this.#names.give(name)),
        before: named.map((name) => this.#names.give(`${name} before`)),
        members: members.map(({ name }) => this.#names.give(`${party.name} ${name}`)),
      }
    })
    this.#variables = world.variables.map(({ name }) => this.#names.give(name))
  }

  /** A name that nothing else has: names of one place may be seen from another. */
  #fresh = (): string => {
    this.#count++
    return `x${this.#count}`
  }
  #count = 0

  #chain(text: string): Chain {
    return new Chain(text, this.#fresh)
  }

  write(properties: readonly ModelProperty[]): string {
    const { model, parties } = this.#world
    const rules = model.rules.map((rule, number) => this.#rule(rule, number))
    return [
      `---- MODULE Model ----`,
      `\\* ${model.name}: ${model.about.join('; ')}`,
      `EXTENDS Naturals, Sequences`,
      `VARIABLE s`,
      `Init == s = ${this.#initial()}`,
      ...parties.flatMap((party, place) => [...this.#party(party, place), ...this.#carry(place)]),
      ...rules,
      `Next ==\n${model.rules.map((_, number) => `  \\/ Rule${number}`).join('\n')}`,
      ...properties.map((property, index) => `Inv${index} == ~(${this.#claim(property)}) \\* ${property.id}`),
      `====`,
      ``,
    ].join('\n')
  }

  #initial(): string {
    const parties = this.#world.parties.flatMap(({ party, table }, place) => {
      const names = this.#parties[place]!
      return [
        ...party.automaton.regions.map(
          (_, region) => `${names.regions[region]!} |-> ${table.stateOf(table.initial, region)}`,
        ),
        ...party.automaton.members.map(
          (_, member) => `${names.members[member]!} |-> ${table.valueOf(table.initial, member)}`,
        ),
      ]
    })
    return `[${[...parties, ...this.#variables.map((name) => `${name} |-> 0`)].join(', ')}]`
  }

  /** What a party makes of each event, of all that is raised behind it, and what the world makes of what it gives out. */
  #party({ party }: PartyInWorld, place: number): readonly string[] {
    const told = eventsTold(this.#world, party.name)
    const raised = raisedBy(party.automaton, told)
    const all = [...new Set([...told, ...raised])]
    return [
      ...all.map(
        (event) =>
          `On_${place}_${event}(r0) == \\* ${JSON.stringify(party.automaton.events[event])}\n  ${this.#microstep(place, event)}`,
      ),
      `Take_${place}(e1, r1) == ${this.#cases(
        raised.map((event): [string, string] => [`e1 = ${event}`, `On_${place}_${event}(r1)`]),
        'r1',
      )}`,
      `RECURSIVE Settle_${place}(_)`,
      `Settle_${place}(r2) == IF r2.q = <<>> THEN r2 ELSE LET e2 == Head(r2.q) r3 == [r2 EXCEPT !.q = Tail(r2.q)] IN Settle_${place}(Take_${place}(e2, r3))`,
    ]
  }

  #cases(cases: readonly (readonly [string, string])[], otherwise: string): string {
    return cases.reduceRight((rest, [when, then]) => `IF ${when} THEN ${then} ELSE ${rest}`, otherwise)
  }

  /**
   * A record `r`: the state `s`, the queue `q` of what was raised, the outputs `o`. Each region chooses in the state before;
   * then all leave, the last first, all act, and all enter.
   */
  #microstep(place: number, event: number): string {
    const { automaton } = this.#world.parties[place]!.party
    const names = this.#parties[place]!
    const involved = automaton.regions.flatMap(({ handlers }, region) => {
      const of = handlers[event]
      return of === undefined
        ? []
        : [{ region, transitions: of.flatMap((each, state) => each.map((one) => ({ state, one }))) }]
    })
    const choices = involved.map(({ region, transitions }) => {
      const options = transitions.map(({ state, one }, index): [string, string] => [
        `r0.s.${names.regions[region]!} = ${state} /\\ ${this.#condition(place, one.condition, 'r0.s')}`,
        String(index + 1),
      ])
      return `c${region} == ${this.#cases(options, '0')}`
    })
    const chain = this.#chain('r0')
    const phase = (from: typeof involved, of: (one: CompiledTransition) => readonly Operation[]): void => {
      for (const { region, transitions } of from) {
        const options = transitions.flatMap(({ one }, index): readonly [string, string][] => {
          const operations = of(one)
          return operations.length === 0
            ? []
            : [[`c${region} = ${index + 1}`, this.#perform(place, operations, chain.now)]]
        })
        if (options.length > 0) chain.becomes(this.#cases(options, chain.now))
      }
    }
    phase(involved.toReversed(), ({ exits }) => exits)
    phase(involved, ({ actions }) => actions)
    for (const { region, transitions } of involved) {
      const moves = transitions.flatMap(({ state, one }, index): readonly [string, string][] =>
        state === one.to ? [] : [[`c${region} = ${index + 1}`, String(one.to)]],
      )
      const name = names.regions[region]!
      if (moves.length > 0)
        chain.becomes(`[${chain.now} EXCEPT !.s.${name} = ${this.#cases(moves, `${chain.now}.s.${name}`)}]`)
    }
    phase(involved, ({ entries }) => entries)
    const root = automaton.root[event]
    if (root !== undefined) {
      const nobody = involved.map(({ region }) => `c${region} = 0`).join(' /\\ ') || 'TRUE'
      const options = root.map((one): [string, string] => [
        `${nobody} /\\ ${this.#condition(place, one.condition, 'r0.s')}`,
        this.#perform(place, one.actions, chain.now),
      ])
      chain.becomes(this.#cases(options, chain.now))
    }
    return choices.length === 0 ? chain.expression : `LET ${choices.join('\n    ')}\n  IN ${chain.expression}`
  }

  #perform(place: number, operations: readonly Operation[], from: string): string {
    const { carriedOut } = this.#world.parties[place]!
    const { members } = this.#parties[place]!
    return operations.reduce((record, operation) => {
      switch (operation.kind) {
        case 'output': {
          const matters = resultsOf(operation.output).some((output) => carriedOut[output]!.length > 0)
          return matters
            ? this.#with(
                record,
                (r) => `[${r} EXCEPT !.o = Append(@, ${this.#decision(place, operation.output, `${r}.s`)})]`,
              )
            : record
        }
        case 'raise':
          return this.#with(
            record,
            (r) => `[${r} EXCEPT !.q = Append(@, ${this.#decision(place, operation.event, `${r}.s`)})]`,
          )
        case 'assign':
          return this.#with(record, (r) => {
            const updates = operation.updates.map(({ member, value }) => {
              const name = members[member]!
              return `!.s.${name} = ${this.#decision(place, value, `${r}.s`, (result) => (result < 0 ? `${r}.s.${name}` : String(result)))}`
            })
            return `[${r} EXCEPT ${updates.join(', ')}]`
          })
      }
    }, from)
  }

  /** A record that is looked at more than once gets a name. */
  #with(record: string, use: (name: string) => string): string {
    if (/^\w+$/.test(record)) return use(record)
    const name = this.#fresh()
    return `(LET ${name} == ${record} IN ${use(name)})`
  }

  #decision<T>(place: number, decision: Decision<T>, state: string, text: (result: T) => string = String): string {
    if ('result' in decision) return text(decision.result)
    const name = this.#parties[place]!.members[decision.member]!
    const [first, ...rest] = decision.cases.map((each) => this.#decision(place, each, state, text))
    return `(${this.#cases(
      rest.map((each, index): [string, string] => [`${state}.${name} = ${index + 1}`, each]),
      first!,
    )})`
  }

  #condition(place: number, condition: Condition, state: string): string {
    const { regions } = this.#parties[place]!
    switch (condition.kind) {
      case 'constant':
        return condition.value ? 'TRUE' : 'FALSE'
      case 'context':
        return this.#decision(place, condition.decision, state, (result) => (result ? 'TRUE' : 'FALSE'))
      case 'in':
        return `${state}.${regions[condition.region]!} \\in {${condition.states.join(', ')}}`
      case 'all':
        return `(${condition.conditions.map((each) => this.#condition(place, each, state)).join(' /\\ ') || 'TRUE'})`
      case 'any':
        return `(${condition.conditions.map((each) => this.#condition(place, each, state)).join(' \\/ ') || 'FALSE'})`
      case 'not':
        return `~(${this.#condition(place, condition.condition, state)})`
    }
  }

  /** `state` is the state, `before` how it was when a party was last told something. */
  #expression(expression: Expression, state: string, before: string): string {
    const world = this.#world
    const again = (each: Expression): string => this.#expression(each, state, before)
    const name = (variable: string): string => this.#variables[world.variablePlace(variable)]!
    switch (expression.kind) {
      case 'constant':
        return expression.value ? 'TRUE' : 'FALSE'
      case 'is':
        return `${state}.${name(expression.variable)} = ${world.valueOf(expression.variable, expression.value)}`
      case 'same':
        return `${state}.${name(expression.variable)} = ${state}.${name(expression.other)}`
      case 'all':
        return `(${expression.of.map(again).join(' /\\ ') || 'TRUE'})`
      case 'any':
        return `(${expression.of.map(again).join(' \\/ ') || 'FALSE'})`
      case 'not':
        return `~(${again(expression.of)})`
      case 'in': {
        const [region, states] = world.statesOf(expression)
        const field = this.#parties[world.partyPlace(expression.party)]!.regions[region]!
        return `${expression.before ? before : state}.${field} \\in {${states.join(', ')}}`
      }
      case 'remembers': {
        const [member, value] = world.memberOf(expression)
        return value < 0
          ? 'FALSE'
          : `${state}.${this.#parties[world.partyPlace(expression.party)]!.members[member]!} = ${value}`
      }
    }
  }

  /** The state that statements make of a state. */
  #statements(statements: readonly Statement[], state: string, before: string): string {
    const chain = this.#chain(state)
    let was = before
    for (const statement of statements) was = this.#statement(statement, chain, was)
    return chain.expression
  }

  /** Carries one statement out on a chain; gives what `before` is from then on. */
  #statement(statement: Statement, chain: Chain, before: string): string {
    const world = this.#world
    const name = (variable: string): string => this.#variables[world.variablePlace(variable)]!
    const state = chain.now
    switch (statement.kind) {
      case 'set':
        chain.becomes(
          `[${state} EXCEPT !.${name(statement.variable)} = ${world.valueOf(statement.variable, statement.value)}]`,
        )
        return before
      case 'copy':
        chain.becomes(`[${state} EXCEPT !.${name(statement.variable)} = ${state}.${name(statement.from)}]`)
        return before
      case 'advance':
        chain.becomes(`[${state} EXCEPT !.${name(statement.variable)} = @ + 1]`)
        return before
      case 'if':
        chain.becomes(
          `IF ${this.#expression(statement.when, state, before)} THEN ${this.#statements(statement.does, state, before)} ELSE ${this.#statements(statement.otherwise, state, before)}`,
        )
        return before
      case 'tell':
        this.#tell(statement.party, statement.event, chain)
        return state
      case 'reset': {
        const place = world.partyPlace(statement.party)
        const { table, party } = world.parties[place]!
        const names = this.#parties[place]!
        const fields = [
          ...party.automaton.regions.map(
            (_, region) => `!.${names.regions[region]!} = ${table.stateOf(table.initial, region)}`,
          ),
          ...party.automaton.members.map(
            (_, member) => `!.${names.members[member]!} = ${table.valueOf(table.initial, member)}`,
          ),
        ]
        chain.becomes(`[${state} EXCEPT ${fields.join(', ')}]`)
        return chain.now
      }
      case 'breach': {
        const place = world.breachPlace(statement.property)
        if (place !== undefined) chain.becomes(`[${state} EXCEPT !.${this.#variables[place]!} = 1]`)
        return before
      }
    }
  }

  /** An event, then all that it raises; behind that the world carries out what was given out, in order. */
  #tell(party: string, event: object, chain: Chain): void {
    const world = this.#world
    const place = world.partyPlace(party)
    const number = world.eventPlace(party, event)
    const { party: told } = world.parties[place]!
    const before = chain.now
    const outputs = carriedOutOn(world, party, event)
    chain.becomes(`Settle_${place}(On_${place}_${number}([s |-> ${before}, q |-> <<>>, o |-> <<>>]))`)
    const settled = chain.now
    const carried = outputs.length === 0 ? `${settled}.s` : `Carry_${place}(${settled}.o, ${settled}.s, ${before})`
    chain.becomes(carried)
    for (const statement of told.afterwards) this.#statement(statement, chain, before)
  }

  #carry(place: number): readonly string[] {
    const { carriedOut } = this.#world.parties[place]!
    const relevant = carriedOut.flatMap((statements, output) => (statements.length > 0 ? [output] : []))
    const cases = relevant.map((output): [string, string] => [
      `o1 = ${output}`,
      this.#statements(carriedOut[output]!, 't0', 'b0'),
    ])
    return [
      `CarryOne_${place}(o1, t0, b0) == ${this.#cases(cases, 't0')}`,
      `RECURSIVE Carry_${place}(_, _, _)`,
      `Carry_${place}(o2, t2, b2) == IF o2 = <<>> THEN t2 ELSE LET o3 == Head(o2) o4 == Tail(o2) t4 == CarryOne_${place}(o3, t2, b2) IN Carry_${place}(o4, t4, b2)`,
    ]
  }

  #rule(rule: Rule, number: number): string {
    return `Rule${number} == \\* ${rule.lane}: ${rule.name}\n  /\\ ${this.#expression(rule.when, 's', 's')}\n  /\\ s' = ${this.#statements(rule.does, 's', 's')}`
  }

  #claim(property: ModelProperty): string {
    if (property.kind === 'never') return this.#expression(property.when, 's', 's')
    if (property.kind === 'always') return `~(${this.#expression(property.when, 's', 's')})`
    return this.#expression({ kind: 'is', variable: breachVariable(property.id), value: 'yes' }, 's', 's')
  }
}

/** The model as a TLA+ module; each claim that is asked for is an invariant `Inv0`, `Inv1` and so on. */
export const tla = (world: World, asserted: readonly string[] = []): string => {
  const properties = world.properties.filter(({ id }) => asserted.includes(id))
  return new TlaWriter(world).write(properties)
}
