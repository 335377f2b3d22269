/**
 * The explorer of one model, generated: JavaScript in which every field has its place, every question about a chart is a
 * bit, and every step of a chart is a look into its table. What it does is defined by the interpreter, and a test compares.
 */
import { all, type Expression, type Rule, type Statement } from '../model/language.ts'
import { carriedOutOn, readBy, touchedBy, type Touched } from '../model/touched.ts'
import { breachVariable, expressionsOf, type Asked, type World } from '../model/world.ts'
import { hashCode } from './host.ts'
import { layoutOf, PARTY_BITS, type Field, type Layout } from './layout.ts'

/** States that are looked for together, and how far ahead the next states to expand are touched. */
const BATCH = 128
const AHEAD = 16

/** Questions about a party that one word of answers holds. */
const ANSWERS_A_WORD = 31

/** What is generated. */
export interface Generated {
  readonly source: string
  readonly layout: Layout
  /** What is asked about each party, in the order of the bits. */
  readonly asked: readonly (readonly Asked[])[]
  /** By party and number of output: whether the world does anything with it. */
  readonly relevant: readonly (readonly boolean[])[]
}

const keyOf = (asked: Asked): string =>
  asked.kind === 'in'
    ? `in ${asked.party} ${asked.region} ${asked.path}`
    : `remembers ${asked.party} ${asked.member} ${JSON.stringify(asked.value)}`

class Generator {
  readonly world: World
  readonly layout: Layout
  readonly asked: Asked[][]
  readonly #bits = new Map<string, number>()
  readonly #relevant: readonly (readonly boolean[])[]

  constructor(world: World) {
    this.world = world
    this.layout = layoutOf(world)
    this.asked = world.parties.map(() => [])
    for (const expression of expressionsOf(world))
      if (expression.kind === 'in' || expression.kind === 'remembers') this.#ask(expression)
    this.#relevant = world.parties.map(({ carriedOut }) => carriedOut.map((statements) => statements.length > 0))
  }

  #ask(asked: Asked): void {
    const key = keyOf(asked)
    if (this.#bits.has(key)) return
    const list = this.asked[this.world.partyPlace(asked.party)]!
    this.#bits.set(key, list.push(asked) - 1)
  }

  generate(): Generated {
    const { world, layout } = this
    const words = Array.from({ length: layout.words }, (_, word) => `w${word}`)
    const source = [
      `'use strict'`,
      `const stride = host.stride, brokenAt = host.brokenAt, seen = host.seen, edges = host.edges`,
      `let table = host.table, order = host.order, parents = host.parents, via = host.via`,
      `let mask = table.length / stride - 1, count = 0, transitions = 0`,
      ...world.parties.map((_, place) => this.#tableCode(place)),
      this.#addCode(),
      this.#checkCode(),
      ...world.model.rules.map((rule, number) => this.#ruleCode(rule, number)),
      `const expand = (from, to, stops) => {`,
      `  for (let i = from; i < to; i++) {`,
      `    if (i + ${AHEAD} < to) touched ^= table[order[i + ${AHEAD}] * stride]`,
      `    const at = order[i] * stride`,
      ...words.map((word, index) => `    const ${word} = table[at + ${index}]`),
      ...this.#load(
        readBy(
          this.world,
          world.model.rules.map((rule) => rule.when),
        ),
        'const',
      ).map((line) => `    ${line}`),
      ...this.#choices(`(${[...words, 'i'].join(', ')})`),
      `    if (stops && host.broken !== 0) return`,
      `  }`,
      `  flush()`,
      `  if (edges !== undefined) while (linked < to - 1) edges.start[++linked] = edges.count`,
      `  return touched`,
      `}`,
      `const holds = (claim, second, number) => {`,
      `  const at = order[number] * stride`,
      ...words.map((word, index) => `  const ${word} = table[at + ${index}]`),
      ...this.#claimsCode(),
      `}`,
      `return { add, flush, expand, holds, count: () => count, transitions: () => transitions }`,
    ].join('\n')
    return { source, layout, asked: this.asked, relevant: this.#relevant }
  }

  /** Every rule that may happen; rules that ask for different values of one variable are told apart by one look at it. */
  #choices(given: string): readonly string[] {
    const { rules } = this.world.model
    const asked = rules.map(({ when }) => conjuncts(when).flatMap(valuesAsked))
    const frequency = new Map<string, number>()
    for (const { variable } of asked.flat()) frequency.set(variable, (frequency.get(variable) ?? 0) + 1)
    /** How much is known by one look: rules that are told apart, by values to tell them apart by. */
    const weight = (variable: string): number => {
      const values = this.world.variables[this.world.variablePlace(variable)]!.values.length
      return values <= 2 ? 0 : frequency.get(variable)! * values
    }
    const by = new Map<string, Map<string, string[]>>()
    const alone: string[] = []
    for (const [number, rule] of rules.entries()) {
      const [best] = asked[number]!.toSorted((a, b) => weight(b.variable) - weight(a.variable))
      if (best === undefined || frequency.get(best.variable)! < 2) {
        alone.push(`    if (${this.#expression(rule.when)}) rule${number}${given}`)
        continue
      }
      const rest = conjuncts(rule.when).filter((each) => each !== best.expression)
      const cases = by.get(best.variable) ?? new Map<string, string[]>()
      by.set(best.variable, cases)
      const code =
        rest.length === 0 ? `rule${number}${given}` : `if (${this.#expression(all(...rest))}) rule${number}${given}`
      for (const value of best.values) cases.set(value, [...(cases.get(value) ?? []), `        ${code}`])
    }
    const switches = [...by].flatMap(([variable, cases]) => [
      `    switch (v${this.world.variablePlace(variable)}) {`,
      ...[...cases].flatMap(([value, lines]) => [
        `      case ${this.world.valueOf(variable, value)}:`,
        ...lines,
        `        break`,
      ]),
      `    }`,
    ])
    return [...switches, ...alone]
  }

  /** The table of a party, taken anew whenever it may have grown. */
  #tableCode(party: number): string {
    const groups = Math.ceil(this.asked[party]!.length / ANSWERS_A_WORD)
    return [
      `let next${party} = host.tables[${party}].next, given${party} = host.tables[${party}].given`,
      `const lists${party} = host.tables[${party}].lists`,
      ...Array.from(
        { length: groups },
        (_, group) => `const a${party}_${group} = host.tables[${party}].answers[${group}]`,
      ),
      `const work${party} = (state, event) => {`,
      `  const to = host.work(${party}, state, event)`,
      `  next${party} = host.tables[${party}].next`,
      `  given${party} = host.tables[${party}].given`,
      `  return to`,
      `}`,
    ].join('\n')
  }

  /**
   * Finds a packed state or lets it in. States are looked for in batches, in two rounds: the first only touches the slots, so
   * that the waits for memory, which are most of what an exploration costs, run side by side.
   */
  #addCode(): string {
    const { words, mark } = this.layout
    const names = Array.from({ length: words }, (_, word) => `n${word}`)
    const equal = names.map((name, word) => `table[at + ${word}] === ${name}`).join(' && ')
    const width = words + 3
    return [
      `const batch = new Int32Array(${BATCH * width})`,
      `let held = 0, touched = 0, linked = -1`,
      `const link = (to, rule, parent) => {`,
      `  while (linked < parent) edges.start[++linked] = edges.count`,
      `  edges.to[edges.count] = to`,
      `  edges.rule[edges.count] = rule`,
      `  if (++edges.count === edges.to.length) host.growEdges()`,
      `}`,
      `const add = (${[...names, 'rule', 'parent'].join(', ')}) => {`,
      ...this.#sortGroups(),
      `  ${hashCode(names)}`,
      ...names.map((name, word) => `  batch[held + ${word}] = ${name}`),
      `  batch[held + ${words}] = hash`,
      `  batch[held + ${words + 1}] = rule`,
      `  batch[held + ${words + 2}] = parent`,
      `  held += ${width}`,
      `  if (held === ${BATCH * width}) flush()`,
      `}`,
      `const flush = () => {`,
      `  for (let from = 0; from < held; from += ${width}) touched ^= table[(batch[from + ${words}] & mask) * stride]`,
      `  for (let from = 0; from < held; from += ${width}) {`,
      ...names.map((name, word) => `    const ${name} = batch[from + ${word}]`),
      `    const rule = batch[from + ${words + 1}], parent = batch[from + ${words + 2}]`,
      `    let slot = batch[from + ${words}] & mask, at = slot * stride`,
      `    let isNew = true`,
      `    while (table[at + ${mark.word}] !== 0) {`,
      `      if (${equal}) {`,
      `        isNew = false`,
      `        break`,
      `      }`,
      `      slot = (slot + 1) & mask`,
      `      at = slot * stride`,
      `    }`,
      `    if (parent >= 0) transitions++`,
      `    if (isNew) {`,
      ...names.map((name, word) => `      table[at + ${word}] = ${name}`),
      `      const number = count++`,
      `      order[number] = slot`,
      `      parents[number] = parent`,
      `      via[number] = rule`,
      `      check(${[...names, 'number'].join(', ')})`,
      `      if (edges !== undefined) {`,
      `        table[at + ${words}] = number`,
      `        if (parent >= 0) link(number, rule, parent)`,
      `      }`,
      `      if (count === order.length) {`,
      `        host.grow(count)`,
      `        table = host.table`,
      `        order = host.order`,
      `        parents = host.parents`,
      `        via = host.via`,
      `        mask = table.length / stride - 1`,
      `      }`,
      `    } else if (edges !== undefined) link(table[at + ${words}], rule, parent)`,
      `  }`,
      `  held = 0`,
      `}`,
    ].join('\n')
  }

  /** Of states that differ only in which group of variables is which, takes the one whose groups are in order. */
  #sortGroups(): readonly string[] {
    const groups = (this.world.model.symmetry ?? []).map((names) =>
      names.map((name) => this.layout.variables[this.world.variablePlace(name)]!),
    )
    const lines: string[] = []
    for (const [group, fields] of groups.entries()) {
      const parts = fields.reduce<readonly [string, number]>(
        ([code, offset], { word, shift, bits }) => [
          `${code}${code === '' ? '' : ' | '}((n${word} >>> ${shift}) & ${maskOf(bits)}) << ${offset}`,
          offset + bits,
        ],
        ['', 0],
      )
      lines.push(`  let g${group} = ${parts[0]}`)
    }
    if (groups.length > 0) lines.push('  let other = 0')
    for (let last = groups.length - 1; last > 0; last--)
      for (let group = 0; group < last; group++)
        lines.push(
          `  if (g${group} > g${group + 1}) { other = g${group}; g${group} = g${group + 1}; g${group + 1} = other }`,
        )
    for (const [group, fields] of groups.entries()) {
      let offset = 0
      for (const { word, shift, bits } of fields) {
        lines.push(
          `  n${word} = (n${word} & ${~(maskOf(bits) << shift)}) | (((g${group} >>> ${offset}) & ${maskOf(bits)}) << ${shift})`,
        )
        offset += bits
      }
    }
    return lines
  }

  /** Looks at a state that is new. */
  #checkCode(): string {
    const { world, layout } = this
    const names = Array.from({ length: layout.words }, (_, word) => `w${word}`)
    const lines: string[] = []
    const used: Expression[] = []
    for (const [place, property] of world.properties.entries()) {
      if (property.kind === 'leads-to') continue
      const expression: Expression =
        property.kind === 'breach' ? { kind: 'is', variable: breachVariable(property.id), value: 'yes' } : property.when
      used.push(expression)
      const code = this.#expression(expression)
      if (property.kind === 'sometimes')
        lines.push(`  if (seen[${place}] === 0 && (${code})) seen[${place}] = number + 1`)
      else
        lines.push(
          `  if (brokenAt[${place}] === 0 && ${property.kind === 'always' ? `!(${code})` : `(${code})`}) { brokenAt[${place}] = number + 1; host.broken++ }`,
        )
    }
    return [
      `const check = (${[...names, 'number'].join(', ')}) => {`,
      ...this.#load(readBy(this.world, used), 'const').map((line) => `  ${line}`),
      ...lines,
      `}`,
    ].join('\n')
  }

  /** The two sides of what is claimed to follow, by place of the property. */
  #claimsCode(): readonly string[] {
    const claims = this.world.properties.flatMap((property, place) =>
      property.kind === 'leads-to' ? [{ place, from: property.from, to: property.to }] : [],
    )
    return [
      ...this.#load(
        readBy(
          this.world,
          claims.flatMap(({ from, to }) => [from, to]),
        ),
        'const',
      ).map((line) => `  ${line}`),
      ...claims.map(
        ({ place, from, to }) =>
          `  if (claim === ${place}) return second ? ${this.#expression(to)} : ${this.#expression(from)}`,
      ),
      `  return false`,
    ]
  }

  #ruleCode(rule: Rule, number: number): string {
    const { layout } = this
    const names = Array.from({ length: layout.words }, (_, word) => `w${word}`)
    const touched = touchedBy(this.world, rule.does)
    const hasTell = touched.told.size > 0
    const packed = names.map((name, word) => this.#packed(name, word, touched))
    const changed = packed.flatMap((code, word): readonly (readonly [number, string])[] =>
      code === names[word] ? [] : [[word, code]],
    )
    return [
      `const rule${number} = (${[...names, 'parent'].join(', ')}) => {`,
      ...this.#load(touched, 'let').map((line) => `  ${line}`),
      ...(hasTell ? [`  let cell = 0, list = 0`] : []),
      ...[...new Set([...touched.told, ...touched.before])].map((party) => `  let b${party} = p${party}`),
      ...this.#statements(rule.does, '  '),
      ...changed.map(([word, code]) => `  const n${word} = ${code}`),
      ...(changed.length === 0
        ? []
        : [
            // What changes nothing is no step.
            `  if (${changed.map(([word]) => `n${word} === w${word}`).join(' && ')}) return`,
            `  add(${[...names.map((name, word) => (packed[word] === name ? name : `n${word}`)), number, 'parent'].join(', ')})`,
          ]),
      `}`,
    ].join('\n')
  }

  /** A word with the fields that may have changed put in anew. */
  #packed(name: string, word: number, touched: Touched): string {
    const fields = [
      ...[...touched.told].map((place) => [`p${place}`, this.layout.parties[place]!] as const),
      ...[...touched.written].map((place) => [`v${place}`, this.layout.variables[place]!] as const),
    ].filter(([, field]) => field.word === word)
    if (fields.length === 0) return name
    const mask = fields.reduce((all, [, { shift, bits }]) => all | (maskOf(bits) << shift), 0)
    return [`(${name} & ${~mask})`, ...fields.map(([field, { shift }]) => `(${field} << ${shift})`)].join(' | ')
  }

  /** Declarations of the fields that something uses. */
  #load(touched: Touched, keyword: 'let' | 'const'): readonly string[] {
    const line = (name: string, { word, shift, bits }: Field): string =>
      `${keyword} ${name} = (w${word} >>> ${shift}) & ${maskOf(bits)}`
    return [
      ...[...new Set([...touched.parties, ...touched.told])].map((place) =>
        line(`p${place}`, this.layout.parties[place]!),
      ),
      ...[...new Set([...touched.read, ...touched.written])].map((place) =>
        line(`v${place}`, this.layout.variables[place]!),
      ),
    ]
  }

  #statements(statements: readonly Statement[], indent: string): readonly string[] {
    return statements.flatMap((statement) => this.#statement(statement, indent))
  }

  #statement(statement: Statement, indent: string): readonly string[] {
    const { world } = this
    switch (statement.kind) {
      case 'set': {
        const value = world.valueOf(statement.variable, statement.value)
        return [`${indent}v${world.variablePlace(statement.variable)} = ${value}`]
      }
      case 'copy':
        return [`${indent}v${world.variablePlace(statement.variable)} = v${world.variablePlace(statement.from)}`]
      case 'advance':
        return [`${indent}v${world.variablePlace(statement.variable)}++`]
      case 'if':
        return [
          `${indent}if (${this.#expression(statement.when)}) {`,
          ...this.#statements(statement.does, `${indent}  `),
          ...(statement.otherwise.length === 0
            ? []
            : [`${indent}} else {`, ...this.#statements(statement.otherwise, `${indent}  `)]),
          `${indent}}`,
        ]
      case 'tell':
        return this.#tell(statement.party, statement.event, indent)
      case 'reset': {
        const place = world.partyPlace(statement.party)
        const { initial } = world.parties[place]!.table
        return [`${indent}p${place} = b${place} = ${initial}`]
      }
      case 'breach': {
        const place = world.breachPlace(statement.property)
        return place === undefined ? [] : [`${indent}v${place} = 1`]
      }
    }
  }

  #tell(party: string, event: object, indent: string): readonly string[] {
    const { world } = this
    const place = world.partyPlace(party)
    const { table, carriedOut, party: told } = world.parties[place]!
    const number = world.eventPlace(party, event)
    const outputs = carriedOutOn(world, party, event)
    return [
      `${indent}b${place} = p${place}`,
      `${indent}cell = p${place} * ${table.width} + ${number}`,
      `${indent}p${place} = next${place}[cell]`,
      `${indent}if (p${place} < 0) p${place} = work${place}(b${place}, ${number})`,
      ...(outputs.length === 0
        ? []
        : [
            `${indent}list = given${place}[cell]`,
            `${indent}if (list !== 0) for (const output of lists${place}[list]) switch (output) {`,
            ...outputs.flatMap((output) => [
              `${indent}  case ${output}: {`,
              ...this.#statements(carriedOut[output]!, `${indent}    `),
              `${indent}    break`,
              `${indent}  }`,
            ]),
            `${indent}}`,
          ]),
      ...this.#statements(told.afterwards, indent),
    ]
  }

  #expression(expression: Expression): string {
    const { world } = this
    switch (expression.kind) {
      case 'constant':
        return String(expression.value)
      case 'is':
        return `v${world.variablePlace(expression.variable)} === ${world.valueOf(expression.variable, expression.value)}`
      case 'same':
        return `v${world.variablePlace(expression.variable)} === v${world.variablePlace(expression.other)}`
      case 'all':
        return this.#together(expression.of, ' && ', 'true')
      case 'any':
        return this.#together(expression.of, ' || ', 'false')
      case 'not':
        return `!(${this.#expression(expression.of)})`
      case 'in':
      case 'remembers':
        return this.#askedTogether([expression], 'any')
    }
  }

  /** Questions about one party are answered by one look where they lie in one word. */
  #together(of: readonly Expression[], operator: ' && ' | ' || ', empty: string): string {
    const groups = new Map<string, Asked[]>()
    const others: string[] = []
    for (const each of of)
      if (each.kind === 'in' || each.kind === 'remembers') {
        const group = Math.floor(this.#bits.get(keyOf(each))! / ANSWERS_A_WORD)
        const key = `${this.#stateName(each)} ${group}`
        groups.set(key, [...(groups.get(key) ?? []), each])
      } else others.push(`(${this.#expression(each)})`)
    const asked = [...groups.values()].map((each) => this.#askedTogether(each, operator === ' && ' ? 'all' : 'any'))
    return [...asked, ...others].join(operator) || empty
  }

  #askedTogether(asked: readonly Asked[], kind: 'all' | 'any'): string {
    const [first] = asked
    const place = this.world.partyPlace(first!.party)
    const bits = asked.map((each) => this.#bits.get(keyOf(each))!)
    const group = Math.floor(bits[0]! / ANSWERS_A_WORD)
    const mask = bits.reduce((all, bit) => all | (1 << (bit % ANSWERS_A_WORD)), 0)
    const answers = `a${place}_${group}[${this.#stateName(first!)}] & ${mask}`
    return kind === 'any' ? `(${answers}) !== 0` : `(${answers}) === ${mask}`
  }

  #stateName(asked: Asked): string {
    return `${asked.kind === 'in' && asked.before ? 'b' : 'p'}${this.world.partyPlace(asked.party)}`
  }
}

/** What must all hold for an expression to hold. */
const conjuncts = (expression: Expression): readonly Expression[] =>
  expression.kind === 'all' ? expression.of.flatMap(conjuncts) : [expression]

/** The values of one variable for which an expression holds, where it asks for nothing else. */
const valuesAsked = (
  expression: Expression,
): readonly { readonly expression: Expression; readonly variable: string; readonly values: readonly string[] }[] => {
  const asks = expression.kind === 'any' ? expression.of : [expression]
  const found = asks.flatMap((each) => (each.kind === 'is' ? [each] : []))
  const [first] = found
  if (first === undefined || found.length < asks.length) return []
  if (found.some(({ variable }) => variable !== first.variable)) return []
  return [{ expression, variable: first.variable, values: found.map(({ value }) => value) }]
}

const maskOf = (bits: number): number => (bits >= 32 ? -1 : (1 << bits) - 1)

/** Generates the explorer of a world. */
export const generate = (world: World): Generated => new Generator(world).generate()

/** The bits of the answers to what is asked about one state of a party, a word a group. */
export const answersOf = (world: World, asked: readonly Asked[], state: number): readonly number[] => {
  const words = Array.from({ length: Math.ceil(asked.length / ANSWERS_A_WORD) }, () => 0)
  for (const [bit, each] of asked.entries())
    if (world.answer(each, state)) words[Math.floor(bit / ANSWERS_A_WORD)]! |= 1 << (bit % ANSWERS_A_WORD)
  return words
}

/** States that a party's table may have. */
export const PARTY_STATES_MAX = 1 << PARTY_BITS
