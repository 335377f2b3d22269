/**
 * A source and as many destinations as it takes, on a simulated network and a test's clock, with everything they do
 * written down. Time passes only when told; so a run is a function of the plan, the network and the commands.
 */
import { Context, Effect, Exit, Layer, Scheduler, Scope, Stream } from 'effect'
import { TestClock } from 'effect/testing'
import {
  SimulatedNetwork,
  simulatedTransport,
  type CutPoint,
  type Fate,
} from '../../src/channel/simulated-transport.ts'
import type { Transport } from '../../src/channel/transport.ts'
import { describeState, transferMethods, type CoreState } from '../../src/core/index.ts'
import {
  differingPages,
  GuestMemory,
  guestCounter,
  MissingPages,
  PAGE_BYTES,
  WritingGuest,
  type Guest,
  type GuestOutputOptions,
} from '../../src/memory/index.ts'
import { fiberDataPlaneOf, engines, type EngineMakers, type Steppable } from '../../src/transfer/fiber-data-plane.ts'
import { DataPlane } from '../../src/transfer/data-plane.ts'
import { makeGuestDrives } from '../../src/transfer/disk/guest-drives.ts'
import { fiberGuestHost } from '../../src/transfer/fiber-guest-host.ts'
import type { GuestHost } from '../../src/transfer/guest-host.ts'
import { RAM_BLOCK_NAME } from '../../src/transfer/guest-program.ts'
import {
  makeMigrationProcess,
  type CommandRefused,
  type MigrationProcess,
  type MigrationProcessOptions,
  type ProcessOutput,
} from '../../src/transfer/migration-process.ts'
import { NO_FIGURES } from '../../src/transfer/colo/guest-network.ts'
import type { IncomingEngineOptions } from '../../src/transfer/incoming-engine.ts'
import type { IncomingOrder, Wait } from '../../src/transfer/order.ts'
import {
  ANSWER_PATIENCE_MILLIS,
  type Answer,
  type CarriedSeen,
  type EndFigures,
  type MessageSeen,
  type Observation,
  type Party,
  type FaultsSeen,
  type PartyEnd,
  type PostcopyRateSeen,
  type RequestSeen,
  type ResumptionSeen,
  type Seen,
} from '../observation.ts'
import {
  coloMode,
  failoverStatus,
  incomingStatus,
  isBusy,
  isColoAtRest,
  outgoingStatus,
  pathOf,
  runState,
} from '../state-view.ts'
import { isCompareUri, PairService, type ColoPlan } from './pair-service.ts'
import { ChannelShadow, opensChannel } from './channel-shadow.ts'
import { ReturnPathDecoder } from '../../src/wire/index.ts'
import { StreamShadow } from './stream-shadow.ts'
import { diskBytesOf, differingChunks, modelDisk, newDisk, type DiskPlan } from './world-disk.ts'

/** What a runtime suite drives. A mutant replaces one of these. */
export interface RuntimeSystem {
  readonly name: string
  readonly makeProcess: (
    options: MigrationProcessOptions,
  ) => Effect.Effect<MigrationProcess, never, Transport | DataPlane | Scope.Scope>
  readonly makeHost: (guest: Guest) => Effect.Effect<GuestHost, never, Scope.Scope>
  readonly engines: EngineMakers
  readonly transport: (network: SimulatedNetwork) => Layer.Layer<Transport>
}

/** The runtime of this package. */
export const ourRuntime: RuntimeSystem = {
  name: 'switchover',
  makeProcess: makeMigrationProcess,
  makeHost: fiberGuestHost,
  engines,
  transport: simulatedTransport,
}

/** What one run is about: guest, network and limits. */
export interface Plan extends DiskPlan {
  readonly pages: number
  readonly workingSetPages: number
  /** Operations of the guest a second. */
  readonly pagesPerSecond: number
  readonly seed: number
  /** Each so many operations the guest rewrites or clears a whole page; 0: never. */
  readonly wipeEvery: number
  readonly capacityBytes: number
  readonly latencyMillis: number
  /** Bytes a second. */
  readonly maxBandwidth: number
  readonly downtimeLimitMillis: number
  readonly pause: boolean
  /** What pages go by, on in every party. */
  readonly capabilities: readonly string[]
  /** Further parameters of every party. */
  readonly parameters: Readonly<Record<string, number | string | boolean>>
  /** What destinations have otherwise. */
  readonly destinationParameters: Readonly<Record<string, number | string | boolean>>
  /** The source is told that a destination is dead, when it is. */
  readonly fence: boolean
  /** The destinations have less memory than the source, so that they refuse its stream. */
  readonly mismatch: boolean
  /** The parties are to go on in lock-step, and their guests send packets. */
  readonly colo?: ColoPlan
  /** The destinations are made for another guest, so that they refuse its devices. */
  readonly otherGuest: boolean
  readonly profile: '2.11' | '7.2'
  /** Every migration is asked to go on to postcopy as soon as it can. */
  readonly postcopy: boolean
}

/** A plan that converges after a few passes. */
export const defaultPlan: Plan = {
  pages: 32,
  workingSetPages: 12,
  pagesPerSecond: 300,
  seed: 1,
  wipeEvery: 5,
  capacityBytes: 8 * 1024,
  latencyMillis: 1,
  maxBandwidth: 1024 * 1024,
  downtimeLimitMillis: 20,
  pause: false,
  capabilities: [],
  parameters: {},
  destinationParameters: {},
  fence: false,
  mismatch: false,
  diskChunks: 0,
  diskWritesPerSecond: 0,
  otherGuest: false,
  profile: '2.11',
  postcopy: false,
}

/** How long a world may take to come to rest by itself, and then with the operator's help (virtual time). */
export const REST_MILLIS_MAX = 5000
/** How long a run may go on before the operator looks after it. */
const PATIENCE_MILLIS = 1500
const HELP_ROUNDS = 3
/** How long a moment of lock-step may be waited for. */
const MOMENT_MILLIS_MAX = 400
const STEP_MILLIS = 50

interface Member {
  readonly party: Party
  readonly scope: Scope.Closeable
  readonly memory: GuestMemory
  readonly guest: WritingGuest
  readonly disk: Uint8Array<SharedArrayBuffer> | undefined
  readonly process: MigrationProcess
  readonly uri: string
  running: boolean
  booted: boolean
  crashed: boolean
}

/** See the head of this file. */
export class RuntimeWorld {
  readonly network: SimulatedNetwork
  readonly plan: Plan
  readonly #system: RuntimeSystem
  readonly carried: CarriedSeen[] = []
  readonly #timeline: Seen[] = []
  readonly #members: Member[] = []
  readonly #shadows = new Map<number, StreamShadow>()
  /** What guests of a plan with COLO do for their client. */
  readonly service: PairService | undefined
  readonly #scope: Scope.Closeable
  readonly #services: Context.Context<Transport | DataPlane | Scope.Scope>
  readonly #clock: { readonly currentTimeMillisUnsafe: () => number }
  /** A checkpoint was put in use in the last step. */
  #goesOn = false
  #commandsBegun = 0
  #commandsOpen = 0
  #requests: readonly RequestSeen[] = []
  readonly #resumptions: ResumptionSeen[] = []
  #mended = 0
  readonly #carried = new Map<number, { bytes: number; first: number; last: number }>()
  /** Called at every new state of the source: where a plan of "at the n-th state do this" hooks in. */
  onSourceState: ((state: CoreState) => Effect.Effect<void>) | undefined

  private constructor(
    system: RuntimeSystem,
    plan: Plan,
    network: SimulatedNetwork,
    scope: Scope.Closeable,
    services: Context.Context<Transport | DataPlane | Scope.Scope>,
    clock: { readonly currentTimeMillisUnsafe: () => number },
    shadows: Map<number, StreamShadow>,
  ) {
    this.#system = system
    this.plan = plan
    this.network = network
    this.#scope = scope
    this.#services = services
    this.#clock = clock
    this.#shadows = shadows
    this.service =
      plan.colo === undefined
        ? undefined
        : new PairService(plan.colo, {
            note: (seen) => this.note(seen),
            nowMillis: () => this.nowMillis,
            freshGuest: () => freshGuest(plan),
            figures: (party) => this.member(party)?.process.network() ?? NO_FIGURES,
            kill: (by) => this.crashFromWithin(by === 'source' ? (this.destination?.party ?? '') : 'source'),
          })
  }

  /** A world with a source whose guest runs; `scheduler` has the order of all its fibers. */
  static async make(system: RuntimeSystem, plan: Plan, scheduler?: Scheduler.Scheduler): Promise<RuntimeWorld> {
    let world: RuntimeWorld | undefined
    const shadows = new Map<number, StreamShadow>()
    const requests: RequestSeen[] = []
    const answers = new Map<number, AnswerReader>()
    const asked = (connection: number, bytes: Uint8Array): void => {
      const reader = answers.get(connection) ?? new AnswerReader((page) => requests.push({ connection, page }))
      answers.set(connection, reader)
      reader.read(bytes)
    }
    const channels = new Map<number, ChannelShadow>()
    /** Channels are connected right behind the main stream that they belong to. */
    const shadowOf = (connection: number, bytes: Uint8Array): StreamShadow | ChannelShadow => {
      const known = shadows.get(connection) ?? channels.get(connection)
      if (known !== undefined) return known
      const main = [...shadows.keys()].findLast((each) => each < connection)
      const isChannel = main !== undefined && opensChannel(bytes)
      if (!isChannel) return setIn(shadows, connection, new StreamShadow(connection, plan.pages, plan.diskChunks))
      return setIn(channels, connection, new ChannelShadow(shadows.get(main)!, allocate(plan.pages)))
    }
    const network: SimulatedNetwork = new SimulatedNetwork({
      capacityBytes: plan.capacityBytes,
      latencyMillis: plan.latencyMillis,
      tap: (connection, direction, bytes) => {
        if (isCompareUri(network.connections[connection]?.uri ?? '')) return
        if (direction !== 'forward') return asked(connection, bytes)
        world?.noteRate(connection, bytes.length)
        shadowOf(connection, bytes).write(bytes)
        if (world !== undefined) world.carried.push({ atMillis: world.nowMillis, bytes: bytes.length })
      },
    })
    const scope = Scope.makeUnsafe()
    const watched = watch(system.engines, () => world)
    const layer = Layer.mergeAll(system.transport(network), fiberDataPlaneOf(watched))
    const ordered = <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
      scheduler === undefined ? effect : Effect.provideService(effect, Scheduler.Scheduler, scheduler)
    const services = await Effect.runPromise(
      Effect.gen(function* () {
        const clock = yield* Layer.buildWithScope(TestClock.layer({ warningDelay: '1 hour' }), scope)
        const rest = yield* Layer.buildWithScope(layer, scope)
        return Context.merge(Context.merge(clock, rest), Context.make(Scope.Scope, scope))
      }).pipe(ordered),
    )
    const clock = await Effect.runPromiseWith(services)(TestClock.testClockWith((it) => Effect.succeed(it)))
    world = new RuntimeWorld(system, plan, network, scope, services, clock, shadows)
    world.#requests = requests
    await world.run(world.#addMember('source'))
    await world.command('source', 'migrate-set-parameters', {
      'max-bandwidth': plan.maxBandwidth,
      'downtime-limit': plan.downtimeLimitMillis,
    })
    if (plan.pause) await world.setCapability('pause-before-switchover', true)
    if (plan.colo !== undefined)
      await world.command('source', 'migrate-set-parameters', { 'x-checkpoint-delay': plan.colo.delayMillis })
    return world
  }

  run<A>(effect: Effect.Effect<A, never, Transport | DataPlane | Scope.Scope>): Promise<A> {
    return Effect.runPromiseWith(this.#services)(effect)
  }

  get nowMillis(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  get members(): readonly Member[] {
    return this.#members
  }

  note(seen: Seen): void {
    this.#timeline.push(seen)
  }

  member(party: Party): Member | undefined {
    return this.#members.find((each) => each.party === party)
  }

  get source(): Member {
    return this.#members[0]!
  }

  /** The destination that was added last. */
  get destination(): Member | undefined {
    return this.#members.length > 1 ? this.#members.at(-1) : undefined
  }

  #addMember(party: Party): Effect.Effect<Member, never, Transport | DataPlane | Scope.Scope> {
    const world = this
    const { plan } = this
    return Effect.gen(function* () {
      const scope = yield* Scope.fork(world.#scope)
      const isSource = party === 'source'
      const pages = isSource || !plan.mismatch ? plan.pages : plan.pages / 2
      const memory = allocate(pages)
      if (isSource) boot(memory, plan)
      const own = isSource || !plan.otherGuest ? plan : { ...plan, seed: plan.seed + 1 }
      const guest = guestOf(memory, own, world.service?.outputOf(world.#members.length))
      world.service?.join(party, memory, guest)
      const host = yield* world.#system.makeHost(guest).pipe(Effect.provideService(Scope.Scope, scope))
      let made: Member | undefined
      const member = (): Member | undefined => made
      let serial = 0
      const disk = newDisk(plan, isSource)
      const drives =
        disk === undefined
          ? undefined
          : yield* makeGuestDrives([{ name: 'vda', image: { memory: disk.buffer } }]).pipe(
              Effect.provideService(Scope.Scope, scope),
              Effect.orDie,
            )
      if (isSource && drives !== undefined) yield* Effect.orDie(drives.acquire)
      const process = yield* world.#system
        .makeProcess({
          guest: world.#watchedHost(party, world.service?.watch(party, host) ?? host, member),
          images: world.#watchedImages(party),
          ...(drives === undefined ? {} : { drives }),
          profile: plan.profile,
          identity: () => new Uint8Array(16).fill(++serial),
          ...(isSource ? {} : { incoming: 'defer' as const }),
          ...(world.service?.optionsOf(party) ?? {
            fence: Effect.sync(() => plan.fence && world.destination?.crashed === true),
          }),
        })
        .pipe(Effect.provideService(Scope.Scope, scope))
      made = {
        party,
        scope,
        memory,
        guest,
        disk,
        process,
        uri: `tcp:${party}:4444`,
        running: isSource,
        booted: isSource,
        crashed: false,
      }
      world.#members.push(made)
      yield* world.#record(made)
      return made
    })
  }

  #watchedHost(party: Party, host: GuestHost, member: () => Member | undefined): GuestHost {
    const world = this
    const act = (action: 'start' | 'stop') =>
      Effect.gen(function* () {
        const it = member()
        if (it !== undefined) {
          const state = yield* it.process.state
          if (action === 'start') {
            if (world.service !== undefined) world.service.started(party)
            else if (!it.booted) world.#noteArrival(it)
          }
          it.booted ||= action === 'start'
          if (it.running !== (action === 'start'))
            world.note({ kind: 'guest', party, atMillis: world.nowMillis, action, state })
          it.running = action === 'start'
        }
        yield* host[action]
      })
    const throttle = (percentage: number) =>
      Effect.gen(function* () {
        const operations = yield* host.counter
        world.note({ kind: 'throttle', party, atMillis: world.nowMillis, percentage, operations })
        yield* host.throttle(percentage)
      })
    return { ...host, start: act('start'), stop: act('stop'), throttle }
  }

  /** What arrived, held against what the source stopped with. */
  #noteArrival(member: Member): void {
    this.note({
      kind: 'arrival',
      party: member.party,
      atMillis: this.nowMillis,
      // What release-ram has given up is no measure.
      differing: this.#isReleased
        ? []
        : [...differences(this.source.memory, member.memory), ...differingChunks(this.source.disk, member.disk)],
      overtaken: this.#overtaken(member),
    })
  }

  /** In lock-step what was carried last may be part of a checkpoint that was never whole. */
  #overtaken(member: Member): readonly string[] {
    if (this.plan.colo !== undefined || member.memory.missing.isActive) return []
    return this.#shadows.get(Math.max(-1, ...this.#shadows.keys()))?.differing(member.memory) ?? []
  }

  /** What its guest waits for when a broken postcopy goes on. */
  #noteResumption({ memory }: Member, before: CoreState, after: CoreState): void {
    if (incomingStatus(before) !== 'postcopy-paused' || incomingStatus(after) !== 'postcopy-recover') return
    // Another view of the same pages: what a mutant of the memory layer says is not what counts.
    const missing = new MissingPages([], memory.missing.toShared())
    const outstanding = missing.outstanding().map(({ block, page }) => `${memory.blocks[block]!.name}:${page}`)
    this.#resumptions.push({ connection: this.network.connections.length - 1, outstanding })
  }

  #watchedImages(party: Party) {
    const act = (action: 'acquire' | 'release') =>
      Effect.sync(() => this.note({ kind: 'images', party, atMillis: this.nowMillis, action }))
    return { acquire: act('acquire'), release: act('release') }
  }

  #record(member: Member): Effect.Effect<void, never, Scope.Scope> {
    const world = this
    const { party, process } = member
    return Effect.gen(function* () {
      let before: CoreState | undefined
      yield* process.states.pipe(
        Stream.runForEach((after) => {
          if (before !== undefined) {
            world.note({ kind: 'state', party, atMillis: world.nowMillis, before, after })
            if (failoverStatus(after) === 'completed' && failoverStatus(before) !== 'completed')
              world.service?.opened(party)
            world.#noteResumption(member, before, after)
          }
          before = after
          return party === 'source' && world.onSourceState !== undefined ? world.onSourceState(after) : Effect.void
        }),
        Effect.forkIn(member.scope),
      )
      yield* Stream.fromSubscription(yield* process.outputs).pipe(
        Stream.runForEach((output) => Effect.sync(() => world.#noteMessage(party, output))),
        Effect.forkIn(member.scope),
      )
      yield* process.events.pipe(
        Stream.runForEach(({ atMillis, event }) =>
          event.event !== 'MIGRATION'
            ? Effect.sync(() => world.note({ kind: 'event', party, atMillis, event }))
            : world.#ask(member, 'query-migrate').pipe(
                Effect.catch((refused) => Effect.succeed(refused)),
                Effect.zip(process.state),
                Effect.map(([query, { outgoingNumber }]) =>
                  world.note({ kind: 'event', party, atMillis, event, query, queryRun: outgoingNumber }),
                ),
              ),
        ),
        Effect.forkIn(member.scope),
      )
      yield* TestClock.adjust(0)
      const postcopy = world.plan.postcopy ? ['postcopy-ram'] : []
      yield* world.#execute(member, 'migrate-set-capabilities', {
        capabilities: [
          'events',
          ...(world.plan.colo === undefined ? [] : ['x-colo']),
          ...world.plan.capabilities,
          ...postcopy,
        ].map((capability) => ({ capability, state: true })),
      })
      const given = Object.keys(world.plan.parameters)
      if (given.length === 0) return
      // The operator sets up both sides alike: a destination gets what the source has by now.
      const { parameters } = party === 'source' ? world.plan : yield* world.source.process.state
      const others = party === 'source' ? {} : world.plan.destinationParameters
      const values = { ...Object.fromEntries(given.map((name) => [name, parameters[name]])), ...others }
      yield* world.#execute(member, 'migrate-set-parameters', values)
    })
  }

  /** Gives a command; what comes back is among the messages too, as everything that the process says. */
  #ask({ party, process }: Member, name: string, args?: unknown): Effect.Effect<unknown, CommandRefused> {
    return Effect.suspend(() => {
      this.note({
        kind: 'message',
        party,
        atMillis: this.nowMillis,
        message: { type: 'command', name, arguments: args },
      })
      return process.execute(name, args)
    })
  }

  #noteMessage(party: Party, output: ProcessOutput): void {
    const { atMillis = this.nowMillis } = output.kind === 'event' ? output : {}
    const message: MessageSeen['message'] =
      output.kind === 'event'
        ? { type: 'event', event: output.event }
        : { type: 'answer', answer: answerOf(output.result) }
    this.note({ kind: 'message', party, atMillis, message })
  }

  #execute(member: Member, name: string, args: unknown): Effect.Effect<Answer> {
    const world = this
    return Effect.gen(function* () {
      const before = yield* member.process.state
      const atMillis = world.nowMillis
      const begun = ++world.#commandsBegun
      const alone = ++world.#commandsOpen === 1
      const answer = yield* world.#ask(member, name, args).pipe(
        Effect.map((value): Answer => ({ type: 'reply', value })),
        Effect.catch((refused) =>
          Effect.succeed<Answer>({ type: 'refusal', class: refused.class, desc: refused.desc }),
        ),
        Effect.timeoutOrElse({
          duration: ANSWER_PATIENCE_MILLIS,
          orElse: () => Effect.succeed<Answer>({ type: 'none' }),
        }),
      )
      const after = yield* member.process.state
      world.#commandsOpen--
      const raced = !alone || world.#commandsBegun !== begun
      world.note({
        kind: 'command',
        party: member.party,
        atMillis,
        name,
        arguments: args,
        answer,
        raced,
        before,
        after,
      })
      return answer
    })
  }

  /** Gives a command and waits for its answer, for which no time needs to pass. */
  async command(party: Party, name: string, args?: unknown): Promise<void> {
    await this.race([[party, name, args]])
  }

  /** Gives several commands at once. */
  async race(commands: readonly (readonly [party: Party, name: string, args?: unknown])[]): Promise<void> {
    const members = commands.map(([party, name, args]) => [this.member(party), name, args] as const)
    await this.run(
      Effect.gen({ self: this }, function* () {
        const all = Effect.all(
          members.map(([member, name, args]) =>
            member === undefined || member.crashed ? Effect.void : this.#execute(member, name, args),
          ),
          { concurrency: 'unbounded', discard: true },
        )
        const fiber = yield* Effect.forkChild(all)
        yield* TestClock.adjust(0)
        while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(STEP_MILLIS)
      }),
    )
  }

  /** Bytes that go to the destination while its guest is to run there. */
  noteRate(connection: number, bytes: number): void {
    const path = pathOf(Effect.runSync(this.source.process.state), 'outgoing').join('.')
    if (path !== 'postcopy-active.running') return
    const { nowMillis } = this
    const seen = this.#carried.get(connection) ?? { bytes: 0, first: nowMillis, last: nowMillis }
    this.#carried.set(connection, { ...seen, bytes: seen.bytes + bytes, last: nowMillis })
  }

  #rates(): readonly PostcopyRateSeen[] {
    const { parameters } = this.plan
    const limitBytesPerSecond = Number(parameters['max-postcopy-bandwidth'] ?? 0)
    const isChanged = this.#timeline.some(
      (line) =>
        line.kind === 'command' &&
        line.name === 'migrate-set-parameters' &&
        line.arguments !== parameters &&
        'max-postcopy-bandwidth' in Object(line.arguments),
    )
    return [...this.#carried].map(([connection, { bytes, first, last }]) => ({
      connection,
      bytes,
      millis: last - first,
      limitBytesPerSecond: isChanged ? 0 : limitBytesPerSecond,
    }))
  }

  /** The same from inside: for {@link onSourceState}. */
  commandFromWithin(party: Party, name: string, args?: unknown): Effect.Effect<void> {
    const member = this.member(party)
    return member === undefined ? Effect.void : Effect.asVoid(this.#execute(member, name, args))
  }

  setCapability(capability: string, state: boolean): Promise<void> {
    return this.command('source', 'migrate-set-capabilities', { capabilities: [{ capability, state }] })
  }

  /** Gives a command at the very step in which the source next enters a state: `active.committing`. */
  commandWhen(state: string, name: string, args?: unknown): void {
    this.onSourceState = (next) => {
      if (pathOf(next, 'outgoing').join('.') !== state) return Effect.void
      this.onSourceState = undefined
      return this.commandFromWithin('source', name, args)
    }
  }

  /** A new destination that listens; later migrations go there. */
  async addDestination(): Promise<Member> {
    const member = await this.run(this.#addMember(`destination-${this.#members.length}`))
    await this.command(member.party, 'migrate-incoming', { uri: member.uri })
    return member
  }

  /** Sends the guest to the last destination, or to a new one if there is none that still waits. */
  async migrate(args: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.command('source', 'migrate', { uri: await this.freshUri(), ...args })
    if (this.plan.postcopy) await this.command('source', 'migrate-start-postcopy')
  }

  /** What an operator does about a postcopy that broke: it goes on at another place. */
  async mend(): Promise<void> {
    const { destination } = this
    if (destination === undefined) return
    const uri = `tcp:again-${++this.#mended}:4444`
    await this.command(destination.party, 'migrate-recover', { uri })
    await this.command('source', 'migrate', { uri, resume: true })
  }

  /** Where a destination waits that nothing was sent to. */
  async freshUri(): Promise<string> {
    const last = this.destination
    const isFresh = last !== undefined && !last.crashed && !this.network.connections.some(({ uri }) => uri === last.uri)
    return isFresh ? last.uri : (await this.addDestination()).uri
  }

  /** The guest of a party shuts down. */
  async shutDown(party: Party): Promise<void> {
    const member = this.member(party)
    if (member === undefined || member.crashed || !member.running) return
    await this.run(member.process.guestFact('guest.shutdown'))
    await this.advance(0)
  }

  advance(millis: number): Promise<void> {
    return this.run(TestClock.adjust(millis))
  }

  cutAt(point: CutPoint): void {
    this.note({ kind: 'fault', atMillis: this.nowMillis, fault: 'cut' })
    this.network.cutAt(point)
  }

  cut(fate: Fate): void {
    this.note({ kind: 'fault', atMillis: this.nowMillis, fault: 'cut' })
    this.network.cut(fate)
  }

  /** Packets cannot be compared any more. */
  cutCompare(): void {
    this.note({ kind: 'fault', atMillis: this.nowMillis, fault: 'compare' })
    for (const { uri, number } of this.network.connections) if (isCompareUri(uri)) this.network.cut('dropped', number)
  }

  refuse(on: boolean): void {
    this.note({ kind: 'fault', atMillis: this.nowMillis, fault: 'refuse' })
    this.network.refuseConnects(on)
  }

  freeze(on: boolean): void {
    this.note({ kind: 'fault', atMillis: this.nowMillis, fault: on ? 'freeze' : 'thaw' })
    if (on) this.network.freeze()
    else this.network.thaw()
  }

  /** A destination's host loses power: its process, its guest and its connections are gone. */
  crash(party: Party): Promise<void> {
    return this.run(this.crashFromWithin(party))
  }

  /** The same from inside: for {@link onSourceState}. */
  crashFromWithin(party: Party): Effect.Effect<void> {
    const member = this.member(party)
    if (member === undefined || member.crashed) return Effect.void
    member.crashed = true
    member.running = false
    this.note({ kind: 'fault', atMillis: this.nowMillis, fault: 'crash', party })
    this.network.crash(member.uri)
    return Scope.close(member.scope, Exit.void)
  }

  #state(member: Member): Promise<CoreState> {
    return this.run(member.process.state)
  }

  /** Parties that have something under way. A destination in a partition can only wait. */
  async #unsettled(): Promise<readonly Party[]> {
    const busy: Party[] = []
    for (const member of this.#members) {
      if (member.crashed) continue
      const state = await this.#state(member)
      const waits = member.party !== 'source' && this.network.frozen
      const isAtRest = coloMode(state) === 'unknown' ? !isBusy(state) : this.#goesOn || isColoAtRest(state)
      // A broken postcopy waits for its operator, for as long as it takes.
      const isBroken = [outgoingStatus(state), incomingStatus(state)].includes('postcopy-paused')
      if (!waits && !isBroken && !isAtRest) busy.push(member.party)
    }
    return busy
  }

  /** Lets time pass until nothing is under way, at most so long. */
  async #rest(millisMax: number): Promise<boolean> {
    for (let passed = 0; passed < millisMax; passed += STEP_MILLIS) {
      if ((await this.#unsettled()).length === 0) {
        await this.#step()
        if ((await this.#unsettled()).length === 0) return true
      } else await this.#step()
    }
    return false
  }

  /** A pair whose checkpoints follow each other closely is hardly ever found between two: it then has to go on. */
  async #step(): Promise<void> {
    const before = this.service?.loads
    await this.advance(STEP_MILLIS)
    this.#goesOn = this.service?.loads !== before
  }

  /**
   * Comes to an end: first by itself, then with what an operator would do, and says what was seen. With a `partition` the
   * network stays frozen and the operator cancels.
   */
  async finish(options: { readonly partition?: boolean } = {}): Promise<Observation> {
    if (options.partition !== true && this.network.frozen) this.freeze(false)
    const rescued = (await this.#rest(PATIENCE_MILLIS)) ? false : await this.#help()
    const unsettled = await this.#unsettled()
    const parties: PartyEnd[] = []
    for (const member of this.#members) parties.push(await this.#partyEnd(member))
    const ends = this.#ends()
    const atMillis = this.nowMillis
    const partitioned = this.network.frozen
    if (partitioned) this.network.thaw()
    await this.run(Scope.close(this.#scope, Exit.void))
    return {
      timeline: this.#timeline,
      carried: this.carried,
      streams: [...this.#shadows.values()].map(({ seen }) => seen),
      requests: this.#requests,
      resumptions: this.#resumptions,
      postcopyRates: this.#rates(),
      end: {
        atMillis,
        parties,
        unsettled,
        rescued,
        ends,
        endsAfter: this.#ends(),
        listeningAfter: this.network.listening,
        partitioned,
      },
    }
  }

  /** What an operator does about a migration that does not end: continue, give it all it needs, and at last cancel. */
  async #help(): Promise<boolean> {
    for (let round = 0; round < HELP_ROUNDS; round++) {
      const status = outgoingStatus(await this.#state(this.source))
      const isLast = round === HELP_ROUNDS - 1
      if (isLast || this.network.frozen) await this.command('source', 'migrate_cancel')
      else if (status === 'pre-switchover') await this.command('source', 'migrate-continue', { state: status })
      else await this.command('source', 'migrate-set-parameters', { 'downtime-limit': 2_000_000, 'max-bandwidth': 0 })
      if (await this.#rest(REST_MILLIS_MAX)) return isLast && !this.network.frozen
    }
    return false
  }

  async #partyEnd(member: Member): Promise<PartyEnd> {
    const { party, crashed, running } = member
    const state = await this.#state(member)
    const query = crashed
      ? undefined
      : await this.run(this.#ask(member, 'query-migrate').pipe(Effect.catch((error) => Effect.succeed(error))))
    // A guest that arrived stopped is nobody's to start; it is here all the same.
    const isTorn = incomingStatus(state) === 'failed'
    const isHere =
      !isTorn && (member.booted || (incomingStatus(state) === 'completed' && runState(state) !== 'inmigrate'))
    return {
      party,
      state,
      crashed,
      running,
      query,
      ...(isHere && !crashed && !(party === 'source' && this.#isReleased)
        ? { wrongPages: this.#wrongPages(member), faults: faultsOf(member.memory) }
        : {}),
      ...(this.service === undefined ? {} : { stuckPackets: this.service.stuck(party, state) }),
    }
  }

  get #isReleased(): boolean {
    return this.plan.capabilities.includes('release-ram')
  }

  /** Memory is a function of seed and counter alone; held against that. */
  #wrongPages(member: Member): readonly string[] {
    if (this.service !== undefined) return this.service.wrongPages(member.party)
    const guest = freshGuest(this.plan)
    const disk = modelDisk(this.plan, guest)
    guest.advance(member.guest.counter)
    const wrong = [...differences(guest.memory, member.memory), ...differingChunks(disk, member.disk)]
    const isUnread = member.guest.counter === 0 || isMissing(member.memory, '0:0')
    const kept = isUnread ? member.guest.counter : guestCounter(member.memory)
    return kept === member.guest.counter ? wrong : [...wrong, `counter ${kept} for ${member.guest.counter}`]
  }

  #ends(): readonly EndFigures[] {
    return this.network.connections.flatMap((connection) =>
      connection.ends.map((end, index) => ({
        connection: connection.number,
        direction: end.out,
        party: index === 0 ? 'source' : (this.#members.find(({ uri }) => uri === connection.uri)?.party ?? '?'),
        open: !end.closed,
        releases: end.releases,
      })),
    )
  }

  /** The wire that the engine being made now will write to. */
  shadowForEngine(): StreamShadow {
    const state = Effect.runSync(this.source.process.state)
    const connection = this.network.connections.length - 1 - (transferMethods(state).multifd?.channels ?? 0)
    const known = this.#shadows.get(connection) ?? new StreamShadow(connection, this.plan.pages, this.plan.diskChunks)
    this.#shadows.set(connection, known)
    known.run = state.outgoingNumber
    return known
  }

  /**
   * Lets time pass, a millisecond at a time, until lock-step of a party is in a state (`primary.lockstep.saving`); at most
   * `MOMENT_MILLIS_MAX`.
   */
  async untilColo(party: Party, state: string): Promise<void> {
    const member = this.member(party)
    if (member === undefined) return
    for (let passed = 0; passed < MOMENT_MILLIS_MAX && !member.crashed; passed++) {
      if (pathOf(await this.#state(member), 'colo').join('.') === state) return
      await this.advance(1)
    }
  }

  /** Sends the guest to a secondary, and waits until they go on in lock-step. */
  async pairUp(): Promise<void> {
    await this.migrate()
    await this.untilColo('source', 'primary.lockstep.running')
  }

  /** A broken postcopy of the source is being mended. */
  get isMending(): boolean {
    return outgoingStatus(Effect.runSync(this.source.process.state)) === 'postcopy-recover'
  }

  get outgoingPath(): Promise<readonly string[]> {
    return this.#state(this.source).then((state) => pathOf(state, 'outgoing'))
  }

  get description(): Promise<string> {
    return this.#state(this.source).then(describeState)
  }
}

const setIn = <Shadow>(map: Map<number, Shadow>, connection: number, shadow: Shadow): Shadow => {
  map.set(connection, shadow)
  return shadow
}

/** Two blocks, so that a record has to say which it is about; the smaller comes first, so that a guest writes to both. */
const allocate = (pages: number): GuestMemory =>
  GuestMemory.allocate([
    { name: RAM_BLOCK_NAME, usedLength: (pages / 4) * PAGE_BYTES },
    { name: 'high', usedLength: pages * (3 / 4) * PAGE_BYTES },
  ])

/** What a guest finds when it is booted: of four pages two that do not compress, one that does, and one that is zero. */
const boot = (memory: GuestMemory, { seed }: Plan): void => {
  memory.fill(seed)
  for (const [block, { bytes, pageCount }] of memory.blocks.entries())
    for (let page = 2; page < pageCount; page += 4) {
      bytes.fill(0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES)
      if (page + 1 < pageCount) bytes.fill(block + page, (page + 1) * PAGE_BYTES, (page + 2) * PAGE_BYTES)
    }
}

const guestOf = (memory: GuestMemory, plan: Plan, sends?: GuestOutputOptions): WritingGuest => {
  const { seed, pagesPerSecond, workingSetPages, wipeEvery, diskWritesPerSecond } = plan
  const diskBytes = diskBytesOf(plan)
  const output = sends ?? (diskBytes === 0 ? undefined : { diskBytes, diskWritesPerSecond })
  return new WritingGuest({
    seed,
    pagesPerSecond,
    workingSetBytes: workingSetPages * PAGE_BYTES,
    memory,
    wipeEvery,
    ...(output === undefined ? {} : { output }),
  })
}

/** A guest as the source's was when it was booted. */
const freshGuest = (plan: Plan): WritingGuest => {
  const memory = allocate(plan.pages)
  boot(memory, plan)
  return guestOf(memory, plan)
}

const answerOf = (result: Extract<ProcessOutput, { kind: 'answer' }>['result']): Answer =>
  'value' in result
    ? { type: 'reply', value: result.value }
    : { type: 'refusal', class: result.refused.class, desc: result.refused.desc }

const differences = (a: GuestMemory, b: GuestMemory): readonly string[] => {
  try {
    return differingPages(a, b, a.totalBytes / PAGE_BYTES)
      .pages.map(({ block, page }) => `${block}:${page}`)
      .filter((place) => !isMissing(b, place))
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

const faultsOf = ({ blocks, missing }: GuestMemory): FaultsSeen => ({
  noted: missing.noted,
  ended: missing.times.count,
  outstanding: missing.outstanding().map(({ block, page }) => `${blocks[block]!.name}:${page}`),
  missing: missing.count,
})

/** Reads along what a destination answers: the pages that it asks for. */
class AnswerReader {
  readonly #decoder: ReturnPathDecoder
  #left = Buffer.alloc(0)
  #isLost = false

  constructor(hear: (page: string) => void) {
    this.#decoder = new ReturnPathDecoder((message) => {
      if (message.name === 'REQ_PAGES' || message.name === 'REQ_PAGES_ID')
        hear(`${message.block}:${message.start / PAGE_BYTES}`)
    })
  }

  read(bytes: Uint8Array): void {
    if (this.#isLost) return
    this.#left = Buffer.concat([this.#left, bytes])
    try {
      this.#left = this.#left.subarray(this.#decoder.feed(this.#left, 0, this.#left.length))
    } catch {
      // In lock-step, or from a destination that is wrong: other properties say so.
      this.#isLost = true
    }
  }
}

/** Whether a page is missing where a guest runs that was not waited for to be whole. */
const isMissing = ({ missing }: GuestMemory, place: string): boolean => {
  const [block = 0, page = 0] = place.split(':').map(Number)
  return missing.isActive && missing.has(block, page)
}

/** Steps of one engine at one moment beyond which it spins; one batch of pages is one step. */
const STEPS_MAX = 2000

/** An engine that is taken out when it spins: it would keep the clock of the whole world from going on. */
const bounded = <Order>(
  kind: 'outgoing' | 'incoming',
  engine: Steppable<Order>,
  world: () => RuntimeWorld | undefined,
  look: (wait: Wait, nowMillis: number) => void = () => {},
): Steppable<Order> => {
  let steps = 0
  let since = -1
  let spins = false
  return {
    order: (order, now) => engine.order(order, now),
    step: (link, now) => {
      steps = now === since ? steps + 1 : 0
      since = now
      if (steps === STEPS_MAX) world()?.note({ kind: 'spin', engine: kind, atMillis: now })
      spins ||= steps === STEPS_MAX
      if (spins) return { kind: 'over' }
      const wait = engine.step(link, now)
      look(wait, now)
      return wait
    },
  }
}

/** An engine whose memory gives out while a checkpoint is put in use, when the world says so. */
const tearable = (
  engine: Steppable<IncomingOrder>,
  { report }: IncomingEngineOptions,
  world: () => RuntimeWorld | undefined,
): Steppable<IncomingOrder> => ({
  order: (order, now) => {
    if (order.type !== 'load' || world()?.service?.takeTear() !== true) return engine.order(order, now)
    report({ type: 'incoming.failed', reason: 'the memory cannot be written', side: 'destination' })
  },
  step: (link, now) => engine.step(link, now),
})

/** What a sending engine lets a test look at. */
interface Watchable {
  readonly isClean: (block: number, page: number) => boolean
  /** The same of a disk, by its place among them, and a chunk. */
  readonly isChunkClean: (disk: number, chunk: number) => boolean
  readonly isFlushed: boolean
  readonly cached: (block: number, page: number) => Uint8Array | undefined
}

const isWatchable = (engine: object): engine is Watchable =>
  'isClean' in engine && 'isFlushed' in engine && 'cached' in engine

/** Engines that are looked at between two steps, when nothing waits to be handed over. */
const watch = (makers: EngineMakers, world: () => RuntimeWorld | undefined): EngineMakers => ({
  incoming: (options) => bounded('incoming', tearable(makers.incoming(options), options, world), world),
  outgoing: (options) => {
    const engine = makers.outgoing(options)
    const here = world()
    // A channel on which a broken postcopy goes on carries the rest only.
    const isReleased = here?.plan.capabilities.includes('release-ram') === true
    if (here === undefined || !isWatchable(engine) || here.isMending || isReleased)
      return bounded('outgoing', engine, world)
    const shadow = here.shadowForEngine()
    let lookedMillis = -1
    const reported = new Set<'stale' | 'misremembered'>()
    const note = (kind: 'stale' | 'misremembered', atMillis: number, find: () => readonly string[]): void => {
      const pages = reported.has(kind) ? [] : find()
      if (pages.length === 0) return
      reported.add(kind)
      here.note({ kind, party: 'source', atMillis, pages })
    }
    return bounded('outgoing', engine, world, (_wait, now) => {
      if (now === lookedMillis || !shadow.hasPages || !engine.isFlushed) return
      lookedMillis = now
      const { memory, disk } = here.source
      note('stale', now, () => [
        ...shadow.stale(memory, (block, page) => engine.isClean(block, page)),
        ...(disk === undefined ? [] : shadow.disk.stale(disk, (chunk) => engine.isChunkClean(0, chunk))),
      ])
      note('misremembered', now, () => shadow.misremembered(memory, (block, page) => engine.cached(block, page)))
    })
  },
})
