/** `switchover explore`: walks the whole state space of a chart or of the pair, and shows what breaks a claim. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Console, Effect, Option } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import type { Profile } from '../../machines/index.ts'
import {
  brokenIn,
  columns,
  compare,
  comparedBy,
  explore,
  findQuirk,
  follow,
  formatToken,
  graphStatesMax,
  itf,
  lassoTrail,
  leadsTo,
  makeModel,
  missingChecker,
  ModelError,
  models,
  parseToken,
  promela,
  qmpSessions,
  quirksAndProfiles,
  sequence,
  SettingsError,
  stateGraphFile,
  testFile,
  tla,
  trailOf,
  violationTrail,
  World,
  type Checker,
  type Compared,
  type Exploration,
  type ModelSettings,
  type Trail,
} from '../explore/index.ts'
import { Failure, WrongUsage } from './failure.ts'
import { quirksNamed } from './quirk-option.ts'

const formats = ['columns', 'itf', 'qmp', 'mermaid', 'test', 'trail', 'token'] as const
type Format = (typeof formats)[number]

interface Options {
  readonly model: Option.Option<string>
  readonly profile: Profile
  readonly quirk: readonly string[]
  readonly faults: Option.Option<number>
  readonly capabilities: readonly string[]
  readonly noReturnPath: boolean
  readonly fence: boolean
  readonly guest: boolean
  readonly property: readonly string[]
  readonly goOn: boolean
  readonly noLiveness: boolean
  readonly statesMax: number
  readonly format: Format
  readonly out: Option.Option<string>
  readonly graph: Option.Option<string>
  readonly replay: Option.Option<string>
  readonly eachQuirk: boolean
  readonly against: Option.Option<Checker>
  readonly export: Option.Option<'promela' | 'tla'>
  readonly json: boolean
}

const settingsOf = Effect.fn('explore.settings')(function* (name: string, options: Options) {
  const quirks = yield* quirksNamed(options.quirk, options.profile)
  const faults = Option.getOrUndefined(options.faults)
  return {
    model: name,
    profile: options.profile,
    quirks,
    ...(faults === undefined ? {} : { faults }),
    ...(options.capabilities.length === 0 ? {} : { capabilities: options.capabilities }),
    ...(options.noReturnPath ? { noReturnPath: true } : {}),
    ...(options.fence ? { fence: true } : {}),
    ...(options.guest ? { guest: true } : {}),
  } satisfies ModelSettings
})

/** What cannot be made of the options is wrong usage, with the model's own words. */
const attempt = <A>(make: () => A): Effect.Effect<A, WrongUsage> =>
  Effect.try({
    try: make,
    catch: (error) => error,
  }).pipe(
    Effect.catch((error) =>
      error instanceof SettingsError || error instanceof ModelError
        ? Effect.fail(new WrongUsage({ reason: error.message }))
        : Effect.die(error),
    ),
  )

/** A trail in one of its forms; several files where it is that many. */
const rendered = (format: Format, trail: Trail, settings: ModelSettings): readonly (readonly [string, string])[] => {
  const rules = trail.steps.map(({ step }) => step.rule)
  const { id = '', text = '' } = trail.property ?? {}
  switch (format) {
    case 'columns':
      return [['txt', columns(trail)]]
    case 'itf':
      return [['itf.json', JSON.stringify(itf(trail))]]
    case 'mermaid':
      return [['mmd', sequence(trail)]]
    case 'qmp': {
      const found = qmpSessions(trail, settings)
      if ('missing' in found) return [['txt', `no QMP sessions: ${found.missing}`]]
      return [
        ...found.sessions.map((session) => [`${session.party}.jsonl`, session.text.trimEnd()] as const),
        ['meta.json', found.meta.trimEnd()],
      ]
    }
    case 'test':
      return [['test.ts', testFile({ settings, property: id, steps: rules.map(({ name }) => name) }, text).trimEnd()]]
    case 'trail':
      return [
        ['trail.json', JSON.stringify({ settings, property: id, steps: rules.map(({ name }) => name) }, undefined, 2)],
      ]
    case 'token':
      return [['token', formatToken(settings, trail.world.model, rules, trail.property?.id)]]
  }
}

const writeAll = (directory: string, trail: Trail, settings: ModelSettings): Effect.Effect<void> =>
  Effect.sync(() => {
    mkdirSync(directory, { recursive: true })
    const name = [settings.model, settings.profile, ...settings.quirks, trail.property?.id ?? 'trail']
      .join('-')
      .replaceAll(' ', '-')
    for (const format of formats)
      for (const [extension, content] of rendered(format, trail, settings))
        if (format !== 'qmp' || extension !== 'txt')
          writeFileSync(join(directory, `${name}.${extension}`), `${content}\n`)
  })

const million = (perSecond: number): string => `${(perSecond / 1e6).toFixed(2)} M`

const summary = (found: Exploration): string => {
  const seconds = found.millis / 1000
  return [
    `${found.world.model.name}: ${found.world.model.about.join('; ')}`,
    `${found.states} states, ${found.transitions} transitions, depth ${found.depth}, ${found.complete ? 'all there are' : 'there may be more'}`,
    `${seconds.toFixed(2)} s: ${million(found.states / seconds)} states/s, ${million(found.transitions / seconds)} transitions/s; ${Math.ceil(found.bytes / 1e6)} MB`,
  ].join('\n')
}

const verdictWords = [
  'broken',
  'never seen',
  'not seen so far',
  'not looked at',
  'not broken so far',
  'holds',
  'seen',
] as const

/** What was found of a property, in a word or two. */
const verdictsOf = (found: Exploration, trails: readonly Trail[], hasLiveness: boolean) =>
  found.world.properties.map(({ id, kind, text }) => {
    const wordOf = (): (typeof verdictWords)[number] => {
      if (trails.some(({ property }) => property?.id === id)) return 'broken'
      if (kind === 'leads-to') return hasLiveness ? 'holds' : 'not looked at'
      if (kind !== 'sometimes') return found.complete ? 'holds' : 'not broken so far'
      if (!found.unseen.some((each) => each.id === id)) return 'seen'
      return found.complete ? 'never seen' : 'not seen so far'
    }
    return { id, text, verdict: wordOf() }
  })

const exploreOne = Effect.fn('explore.one')(function* (settings: ModelSettings, options: Options) {
  const model = yield* attempt(() => makeModel(settings))
  const hasClaims = model.properties.some(({ kind }) => kind === 'leads-to') && !options.noLiveness
  const found = yield* attempt(() =>
    explore(model, {
      ...(options.property.length === 0 ? {} : { only: options.property }),
      statesMax: options.statesMax,
      goesOn: options.goOn,
      keepsEdges: hasClaims || Option.isSome(options.graph),
    }),
  )
  const hasLiveness = hasClaims && found.complete
  const lassos = hasLiveness
    ? found.world.properties.flatMap(({ kind }, place) =>
        kind === 'leads-to' ? (leadsTo(found.graph, place) ?? []) : [],
      )
    : []
  const trails = [
    ...found.violations.map((violation) => violationTrail(found.world, violation)),
    ...lassos.map((lasso) => lassoTrail(found.world, lasso)),
  ]
  const verdicts = verdictsOf(found, trails, hasLiveness)
  const tokenOf = (trail: Trail): string => rendered('token', trail, settings)[0]![1]
  if (options.json)
    yield* Console.log(
      JSON.stringify({
        ...settings,
        about: model.about,
        states: found.states,
        transitions: found.transitions,
        depth: found.depth,
        complete: found.complete,
        seconds: found.millis / 1000,
        statesPerSecond: Math.round((found.states / found.millis) * 1000),
        bytes: found.bytes,
        properties: verdicts,
        violations: trails.map((trail) => ({
          property: trail.property?.id,
          steps: trail.steps.map(({ step }) => step.rule.name),
          ...(trail.loop === undefined ? {} : { loop: trail.loop }),
          token: tokenOf(trail),
        })),
      }),
    )
  else {
    yield* Console.log(summary(found))
    for (const verdict of verdictWords) {
      const those = verdicts.filter((each) => each.verdict === verdict).map(({ id }) => id)
      if (those.length > 0) yield* Console.log(`${verdict}: ${those.join(', ')}`)
    }
    for (const trail of trails) {
      for (const [, content] of rendered(options.format, trail, settings)) yield* Console.log(`\n${content}`)
      yield* Console.log(`again with switchover explore --replay ${tokenOf(trail)}`)
    }
  }
  const directory = Option.getOrUndefined(options.out)
  if (directory !== undefined) for (const trail of trails) yield* writeAll(directory, trail, settings)
  if (Option.isSome(options.graph)) {
    writeFileSync(options.graph.value, `${JSON.stringify(stateGraphFile(found.graph))}\n`)
    if (found.states > graphStatesMax)
      yield* Console.error(`${options.graph.value}: the first ${graphStatesMax} of ${found.states} states`)
  }
  const unseen = found.complete ? found.unseen : []
  if (trails.length > 0)
    return yield* new Failure({ reason: `${trails.length} ${trails.length === 1 ? 'claim is' : 'claims are'} broken` })
  if (unseen.length > 0)
    return yield* new Failure({ reason: `${unseen.map(({ id }) => id).join(', ')}: should be possible, and never is` })
})

const replayToken = Effect.fn('explore.replay')(function* (text: string, options: Options) {
  const token = yield* attempt(() => parseToken(text))
  if ('problem' in token) return yield* new WrongUsage({ reason: `--replay: ${token.problem}` })
  const { settings, model, rules, property } = token
  const world = yield* attempt(() => new World(model, property === undefined ? undefined : [property]))
  const steps = yield* Effect.try({
    try: () => follow(world, rules),
    catch: (error) => new WrongUsage({ reason: `--replay: ${error instanceof Error ? error.message : String(error)}` }),
  })
  const last = steps.at(-1)
  const broken = last === undefined ? undefined : brokenIn(world, last.after)
  const trail: Trail = { ...trailOf(world, steps), ...(broken === undefined ? {} : { property: broken }) }
  for (const [, content] of rendered(options.format, trail, settings)) yield* Console.log(content)
  const directory = Option.getOrUndefined(options.out)
  if (directory !== undefined) yield* writeAll(directory, trail, settings)
  if (broken !== undefined) return yield* new Failure({ reason: `${broken.id} is broken` })
})

const exploreQuirks = Effect.fn('explore.quirks')(function* (options: Options) {
  if (!options.json) yield* Console.log('quirk  profile  model, what it breaks and the steps of a shortest way')
  for (const [quirk, profile] of quirksAndProfiles) {
    const found = findQuirk(quirk, profile, { goesOn: options.goOn })
    const broken = found.violations.map(({ property, steps }) => ({ property: property.id, steps: steps.length }))
    const text =
      found.reason ?? `${found.label ?? 'nowhere'}: ${broken.map((one) => `${one.property} ${one.steps}`).join(', ')}`
    yield* Console.log(
      options.json
        ? JSON.stringify({ quirk, profile, states: found.states, model: found.label, broken, reason: found.reason })
        : `${quirk.padEnd(5)}  ${profile.padEnd(7)}  ${text}`,
    )
  }
})

const brokenOf = ([property]: readonly string[]) => (property === undefined ? {} : { broken: property })

/** Our explorer beside another checker: one model, or all that are compared as a matter of course. */
const exploreAgainst = Effect.fn('explore.against')(function* (
  checker: Checker,
  settings: ModelSettings | undefined,
  options: Options,
) {
  const missing = yield* Effect.promise(() => missingChecker(checker))
  if (missing !== undefined) return yield* new Failure({ reason: `${checker} cannot be asked: ${missing}` })
  const compared =
    settings === undefined
      ? comparedBy(checker)
      : [{ name: settings.model, model: yield* attempt(() => makeModel(settings)), ...brokenOf(options.property) }]
  let apart = 0
  const ask = Effect.fnUntraced(function* (one: Compared) {
    const said = yield* Effect.promise(() => compare(checker, one))
    if (!said.agrees) apart++
    const text = [
      said.agrees ? 'agrees   ' : 'DISAGREES',
      said.name.padEnd(40),
      JSON.stringify(said.ours),
      ...(said.agrees ? [] : [`${checker}: ${JSON.stringify(said.theirs)}`]),
    ]
    yield* Console.log(options.json ? JSON.stringify({ checker, ...said }) : text.join(' '))
  })
  // Another checker is a process of its own, most of all the compiler of what spin makes of a model.
  yield* Effect.forEach(compared, ask, { concurrency: availableParallelism(), discard: true })
  if (apart > 0) return yield* new Failure({ reason: `${checker} disagrees on ${apart} of ${compared.length} models` })
})

const run = Effect.fn('explore')(function* (options: Options) {
  const token = Option.getOrUndefined(options.replay)
  if (token !== undefined) return yield* replayToken(token, options)
  const name = Option.getOrUndefined(options.model)
  if (options.eachQuirk) return yield* exploreQuirks(options)
  const settings = name === undefined ? undefined : yield* settingsOf(name, options)
  const checker = Option.getOrUndefined(options.against)
  if (checker !== undefined) return yield* exploreAgainst(checker, settings, options)
  const language = Option.getOrUndefined(options.export)
  if (language !== undefined && settings !== undefined) {
    const world = yield* attempt(() => new World(makeModel(settings)))
    const claims = world.properties.map(({ id }) => id)
    return yield* Console.log(language === 'tla' ? tla(world, claims) : promela(world, { asserted: claims }))
  }
  if (settings !== undefined) return yield* exploreOne(settings, options)
  for (const model of models)
    yield* Console.log(
      options.json
        ? JSON.stringify({ name: model.name, about: model.about })
        : `${model.name.padEnd(18)}${model.about}`,
    )
})

export const exploreCommand = Command.make(
  'explore',
  {
    model: Argument.String('MODEL').pipe(Argument.withDescription('which model; none: lists them'), Argument.optional),
    profile: Flag.Literals('profile', ['2.11', '7.2']).pipe(Flag.withDefault('2.11' as const)),
    quirk: Flag.String('quirk').pipe(
      Flag.withDescription('a defect that the charts are to have; all of the profile with all'),
      Flag.atLeast(0),
    ),
    faults: Flag.Int('faults').pipe(Flag.withDescription('cuts, crashes and refusals at most'), Flag.optional),
    capabilities: Flag.String('capabilities').pipe(
      Flag.withDescription('what the operator may switch on: none, or pause, postcopy and colo joined by +'),
      Flag.atLeast(0),
    ),
    noReturnPath: Flag.Boolean('no-return-path').pipe(
      Flag.withDescription('the channel has no way back'),
      Flag.withDefault(false),
    ),
    fence: Flag.Boolean('fence').pipe(
      Flag.withDescription('the source is told that a destination is dead, when it is'),
      Flag.withDefault(false),
    ),
    guest: Flag.Boolean('guest').pipe(
      Flag.withDescription('the guest shuts down, falls asleep and meets I/O errors'),
      Flag.withDefault(false),
    ),
    property: Flag.String('property').pipe(
      Flag.withDescription('looks at this claim only, by its identifier'),
      Flag.atLeast(0),
    ),
    goOn: Flag.Boolean('all').pipe(
      Flag.withDescription('goes on behind the first claim that is broken'),
      Flag.withDefault(false),
    ),
    noLiveness: Flag.Boolean('no-liveness').pipe(
      Flag.withDescription('does not ask what has to follow sometime'),
      Flag.withDefault(false),
    ),
    statesMax: Flag.Int('states-max').pipe(Flag.withDescription('most states'), Flag.withDefault(40_000_000)),
    format: Flag.Literals('format', formats).pipe(
      Flag.withDescription('how a counterexample is shown'),
      Flag.withDefault('columns' as const),
    ),
    out: Flag.String('out').pipe(
      Flag.withDescription('writes every counterexample into this directory, in all formats'),
      Flag.optional,
    ),
    graph: Flag.String('graph').pipe(
      Flag.withDescription('writes the states and the steps between them to this file, for switchover view'),
      Flag.optional,
    ),
    replay: Flag.String('replay').pipe(Flag.withDescription('a token that was printed before'), Flag.optional),
    eachQuirk: Flag.Boolean('each-quirk').pipe(
      Flag.withDescription('a table: every quirk, where it shows and how soon'),
      Flag.withDefault(false),
    ),
    against: Flag.Literals('against', ['spin', 'tla']).pipe(
      Flag.withDescription('asks another checker too: one MODEL, or without one all models as a matter of course'),
      Flag.optional,
    ),
    export: Flag.Literals('export', ['promela', 'tla']).pipe(
      Flag.withDescription('prints MODEL for another checker, claims included'),
      Flag.optional,
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document'), Flag.withDefault(false)),
  },
  run,
).pipe(
  Command.withDescription(
    'Walk every state that a chart, or a pair of processes with everything between them, can be in, and hold it to its claims',
  ),
)
