/**
 * Carries a sequence out on a pair. Every wait is for something that the pair says: after a sequential step, until both
 * sides stand still, which two equal polls without a message in between tell.
 */
import { type Answer, type Peers, type PeerSession, type PeerSystem, type Role } from '../../src/peer/peer.ts'
import { DESTINATION, FILE, NOWHERE, type Call, type Sequence, type Step } from './step.ts'
import type { CallOutcome, PartyRest, Rest, StepOutcome, Transcript, TranscriptLine } from './transcript.ts'

/** Between two polls. */
const POLL_MILLIS = 4
/** How long a pair may be on its way after a step. */
const REST_PATIENCE_MILLIS = 6000
/** How long a race waits for an event that may never come. */
const RACE_PATIENCE_MILLIS = 300
/** At which a run lasts longer than any sequence. Below it, and above H18's 1 to 9, a run is held. */
export const HOLD_BYTES_PER_SECOND = 100_000
/** A downtime limit with which a held run does not converge. */
const HOLD_DOWNTIME_MILLIS_MAX = 2000

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** An event's name, with what makes it another one: `MIGRATION active`, `COLO_EXIT secondary error`. */
const eventText = (message: Readonly<Record<string, unknown>>): string => {
  const data = recordOf(message['data'])
  const { event } = message
  if (event === 'MIGRATION') return `MIGRATION ${String(data['status'])}`
  if (event === 'COLO_EXIT') return `COLO_EXIT ${String(data['mode'])} ${String(data['reason'])}`
  return String(event)
}

class Party {
  readonly name: string
  readonly lines: TranscriptLine[] = []
  readonly events: string[] = []
  session!: PeerSession
  /** Where it listens, once it was asked to. */
  address: string | undefined
  #listeners = new Set<() => void>()

  constructor(name: string) {
    this.name = name
  }

  take(direction: '->' | '<-', message: unknown, seconds: number): void {
    this.lines.push({ seconds, direction, message })
    const fields = recordOf(message)
    if (direction === '->' || !('event' in fields)) return
    this.events.push(eventText(fields))
    for (const listener of this.#listeners) listener()
  }

  /** Keeps the greeting alone. */
  forgetStart(): void {
    const greeting = this.lines.find(({ message }) => 'QMP' in recordOf(message))
    this.lines.splice(0, this.lines.length, ...(greeting === undefined ? [] : [greeting]))
    this.events.length = 0
  }

  /** Whether one of the events comes, from event number `from` on, within so long. */
  comes(events: readonly string[], from: number, patienceMillis: number): Promise<boolean> {
    const holds = () => this.events.slice(from).some((event) => events.includes(event))
    if (holds()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = (found: boolean) => {
        clearTimeout(timer)
        this.#listeners.delete(look)
        resolve(found)
      }
      const look = () => {
        if (holds()) end(true)
      }
      const timer = setTimeout(() => end(false), patienceMillis)
      this.#listeners.add(look)
    })
  }
}

/** The statuses in which a side can stay for ever without anybody doing anything. */
const outgoingRests: ReadonlySet<string> = new Set([
  'none',
  'completed',
  'failed',
  'cancelled',
  'pre-switchover',
  'colo',
  'postcopy-paused',
])

class Execution {
  readonly #peers: Peers
  readonly #begun = performance.now()
  readonly #parties: Party[] = []
  #addresses = 0
  #bandwidth = HOLD_BYTES_PER_SECOND
  #downtimeMillis = 300

  constructor(peers: Peers) {
    this.#peers = peers
  }

  get parties(): readonly Party[] {
    return this.#parties
  }

  get #source(): Party {
    return this.#parties[0]!
  }

  get #destination(): Party | undefined {
    return this.#parties.length > 1 ? this.#parties.at(-1) : undefined
  }

  async start(role: Role): Promise<Party> {
    const number = this.#parties.length
    const party = new Party(role === 'source' ? 'src' : number === 1 ? 'dst' : `dst${number}`)
    const tap = (direction: '->' | '<-', message: unknown) =>
      party.take(direction, message, (performance.now() - this.#begun) / 1000)
    party.session = await this.#peers.start(role, tap)
    this.#parties.push(party)
    await this.#booted(party, role === 'source' ? 'running' : 'inmigrate')
    const capabilities = [{ capability: 'events', state: true }]
    await party.session.execute('migrate-set-capabilities', { capabilities })
    if (role === 'source')
      await party.session.execute('migrate-set-parameters', { 'max-bandwidth': HOLD_BYTES_PER_SECOND })
    return party
  }

  /** A process opens its monitor before its guest runs; what it says of that belongs to its start. */
  async #booted(party: Party, runState: string): Promise<void> {
    const end = performance.now() + REST_PATIENCE_MILLIS
    for (;;) {
      const answer = await party.session.execute('query-status')
      const status = answer.type === 'return' ? recordOf(answer.value)['status'] : answer.type
      if (status === runState) break
      if (answer.type !== 'return' || performance.now() > end)
        throw new Error(`${party.name}: expected a guest that is ${runState}, found ${String(status)}`)
      await sleep(POLL_MILLIS)
    }
    party.forgetStart()
  }

  /** A destination that listens and has not had its migration yet. */
  async #waitingDestination(): Promise<Party> {
    let party = this.#destination
    const rest = party === undefined ? undefined : await this.#restOf(party)
    if (party === undefined || typeof rest !== 'object' || rest.status === 'completed')
      party = await this.start('destination')
    if (party.address === undefined) {
      const address = this.#peers.address(++this.#addresses)
      const answer = await party.session.execute('migrate-incoming', { uri: address })
      if (answer.type === 'return') party.address = address
    }
    return party
  }

  /** The call with real addresses in the place of symbols. */
  async #addressed(to: Role, call: Call): Promise<Call> {
    const { uri, filename } = call.arguments ?? {}
    if (filename === FILE) return { ...call, arguments: { ...call.arguments, filename: this.#peers.file } }
    if (uri === NOWHERE) return { ...call, arguments: { ...call.arguments, uri: this.#peers.address(0) } }
    if (uri !== DESTINATION) return call
    const isSource = to === 'source' && call.name === 'migrate'
    const address = isSource ? (await this.#waitingDestination()).address : this.#peers.address(++this.#addresses)
    return { ...call, arguments: { ...call.arguments, uri: address ?? this.#peers.address(0) } }
  }

  async #partyFor(role: Role): Promise<Party> {
    return role === 'source' ? this.#source : (this.#destination ?? (await this.start('destination')))
  }

  async #give(party: Party, call: Call): Promise<CallOutcome> {
    const from = party.events.length
    const answer = await party.session.execute(call.name, call.arguments)
    const eventsBefore = party.events.slice(from)
    if (answer.type === 'return') this.#remember(party, call)
    return { call, answer, eventsBefore }
  }

  /** What decides whether a run is held. */
  #remember(party: Party, call: Call): void {
    const { 'max-bandwidth': bandwidth, 'downtime-limit': downtime, uri } = call.arguments ?? {}
    if (call.name === 'migrate-set-parameters' && party === this.#source) {
      if (typeof bandwidth === 'number') this.#bandwidth = bandwidth
      if (typeof downtime === 'number') this.#downtimeMillis = downtime
    }
    if (call.name === 'migrate-incoming' && typeof uri === 'string') party.address = uri
  }

  async step(step: Step): Promise<StepOutcome> {
    const parties = this.#parties.map((party) => [party, party.events.length] as const)
    const calls: CallOutcome[] = []
    let rest: Rest | undefined
    switch (step.do) {
      case 'call':
      case 'send': {
        const party = await this.#partyFor(step.to)
        const call = await this.#addressed(step.to, step.call)
        const outcome = await this.#give(party, call)
        calls.push({ ...outcome, call: step.call })
        if (step.do === 'call') rest = await this.rest()
        break
      }
      case 'race':
        calls.push(...(await this.#race(step)))
        rest = await this.rest()
        break
      case 'await': {
        const party = await this.#partyFor(step.on)
        await party.comes(step.events, 0, step.patienceMillis)
        break
      }
      case 'delay':
        await delay(step.micros)
        break
      case 'poll':
        await this.#poll(step.pipelined, step.patienceMillis)
        rest = await this.rest()
        break
    }
    const before = new Map(parties)
    const events = Object.fromEntries(
      this.#parties.map((party) => [party.name, party.events.slice(before.get(party) ?? 0)]),
    )
    return { step, calls, events, ...(rest === undefined ? {} : { rest }) }
  }

  async #race(step: Extract<Step, { do: 'race' }>): Promise<CallOutcome[]> {
    const party = await this.#partyFor(step.to)
    const addressed: Call[] = []
    for (const call of step.calls) addressed.push(await this.#addressed(step.to, call))
    const from = this.#source.events.length
    const underWay: Promise<CallOutcome>[] = []
    for (const [index, call] of addressed.entries()) {
      if (index === 1 && step.until !== undefined) await this.#source.comes(step.until, from, RACE_PATIENCE_MILLIS)
      underWay.push(this.#give(party, call))
    }
    const outcomes = await Promise.all(underWay)
    return outcomes.map((outcome, index) => ({ ...outcome, call: step.calls[index] ?? outcome.call }))
  }

  async #poll(pipelined: number, patienceMillis: number): Promise<void> {
    const source = this.#source
    const end = performance.now() + patienceMillis
    let over = false
    const one = async () => {
      while (!over && performance.now() < end) {
        const answer = await source.session.execute('query-migrate')
        const status = answer.type === 'return' ? recordOf(answer.value)['status'] : 'gone'
        over ||= ['completed', 'failed', 'cancelled', 'gone'].includes(String(status))
      }
    }
    await Promise.all(Array.from({ length: pipelined }, one))
  }

  async #restOf(party: Party): Promise<PartyRest> {
    if (party.session.isGone()) return 'gone'
    const [info, status] = await Promise.all([
      party.session.execute('query-migrate'),
      party.session.execute('query-status'),
    ])
    if (info.type === 'silence' || status.type === 'silence') return 'silent'
    if (info.type === 'gone' || status.type === 'gone') return 'gone'
    const fields = recordOf(info.type === 'return' ? info.value : {})
    const ram = recordOf(fields['ram'])
    const members = [...Object.keys(fields), ...Object.keys(ram).map((name) => `ram.${name}`)].sort()
    const runState = String(recordOf(status.type === 'return' ? status.value : {})['status'])
    return { status: String(fields['status'] ?? 'none'), members, runState }
  }

  get #isHeld(): boolean {
    return (
      this.#bandwidth >= 10 &&
      this.#bandwidth <= HOLD_BYTES_PER_SECOND &&
      this.#downtimeMillis <= HOLD_DOWNTIME_MILLIS_MAX
    )
  }

  #isAtRest(source: PartyRest, destination: PartyRest | undefined): boolean {
    if (typeof source !== 'object') return true
    const { status, runState } = source
    if (status !== 'active' && !outgoingRests.has(status)) return false
    if (status === 'active' && !(this.#isHeld && runState !== 'finish-migrate')) return false
    if (status === 'completed' && runState === 'finish-migrate') return false
    if (['failed', 'cancelled'].includes(status) && runState === 'finish-migrate') return false
    if (typeof destination !== 'object') return true
    // A destination that has a stream stands still only while its source does, or when it has the guest.
    if (destination.status === 'active') return ['active', 'pre-switchover'].includes(status)
    if (destination.status === 'completed') return destination.runState !== 'inmigrate'
    return ['none', 'colo', 'postcopy-paused', 'failed'].includes(destination.status) ? status !== 'active' : false
  }

  /** Waits until nothing is under way. */
  async rest(): Promise<Rest> {
    const end = performance.now() + REST_PATIENCE_MILLIS
    let before = ''
    for (;;) {
      const source = await this.#restOf(this.#source)
      const last = this.#destination
      const destination = last === undefined ? undefined : await this.#restOf(last)
      const now = JSON.stringify([source, destination, this.#parties.map((party) => party.events.length)])
      const isAtRest = this.#isAtRest(source, destination)
      const unsettled = performance.now() > end
      if ((isAtRest && now === before) || unsettled || source === 'silent' || destination === 'silent')
        return { source, ...(destination === undefined ? {} : { destination }), unsettled: unsettled && !isAtRest }
      before = now
      await sleep(POLL_MILLIS)
    }
  }
}

/** Finer than a timer: short times are waited out. */
const delay = async (micros: number): Promise<void> => {
  const end = performance.now() + micros / 1000
  if (micros > 4000) await sleep(micros / 1000 - 2)
  while (performance.now() < end) await new Promise((resolve) => setImmediate(resolve))
}

/** See the head of this file. Stops early at a process that is gone or does not answer and that a step is for. */
export const execute = async (system: PeerSystem, sequence: Sequence): Promise<Transcript> => {
  const peers = await system.open()
  const steps: StepOutcome[] = []
  const execution = new Execution(peers)
  try {
    await execution.start('source')
    for (const step of sequence) {
      const outcome = await execution.step(step)
      steps.push(outcome)
      const isDead = (answer: Answer) => answer.type === 'silence'
      if (outcome.calls.some(({ answer }) => isDead(answer)) || outcome.rest?.source === 'silent') break
    }
    const settled = steps.at(-1)?.rest !== undefined || steps.length === 0
    if (!settled) {
      const rest = await execution.rest()
      const last = steps.pop()
      if (last !== undefined) steps.push({ ...last, rest })
    }
  } finally {
    await peers.close()
  }
  return {
    system: system.name,
    steps,
    parties: execution.parties.map(({ name, lines }) => ({ name, lines })),
    lastWords: peers.lastWords(),
  }
}
