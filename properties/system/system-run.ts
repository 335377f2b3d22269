/** One run of a system: does what it is told, looks after every step, lets it come to rest, and says what is broken. */
import { invariant, successors, type Profile } from '../../machines/index.ts'
import type { Moment, Operation } from './operation.ts'
import type { SystemAnswer, SystemPair, SystemParty, SystemUnderTest } from './system-under-test.ts'

/** A broken invariant, in one sentence. */
export interface SystemBreach {
  readonly id: string
  readonly text: string
  readonly found: string
}

/** The invariants that can be seen from outside. */
export const SYSTEM_INVARIANTS = ['I1', 'I2', 'I4', 'I5', 'I6', 'I7', 'I8', 'I9', 'I11', 'I12', 'I13', 'I15'] as const

/** What was met, by name. */
export type Counts = Record<string, number>

const REST_STEP_MILLIS = 100
const PATIENCE_MILLIS = 10_000
/** A moment that does not come is waited for so long. */
const UNTIL_MILLIS = 1000
const idle: ReadonlySet<string> = new Set(['none', 'cancelled', 'completed', 'failed'])

type Figures = Readonly<Record<string, unknown>>

const isFigures = (value: unknown): value is Figures => typeof value === 'object' && value !== null

const returned = (answer: SystemAnswer): Figures =>
  'return' in answer && isFigures(answer.return) ? answer.return : {}

const statusIn = (figures: Figures): string => (typeof figures['status'] === 'string' ? figures['status'] : 'none')

/** See the head of this file. */
export class SystemRun {
  readonly #system: SystemUnderTest
  readonly #pair: SystemPair
  readonly #counts: Counts
  readonly #breaches: SystemBreach[] = []
  #isCancelAccepted = false
  #wasStopped = false
  #step = 'at the start'

  constructor(system: SystemUnderTest, pair: SystemPair, counts: Counts) {
    this.#system = system
    this.#pair = pair
    this.#counts = counts
  }

  /** Runs it all; gives what is broken. */
  async run(list: readonly Operation[], inWords: (operation: Operation) => string): Promise<readonly SystemBreach[]> {
    await this.#execute(this.#pair.source, 'migrate-set-capabilities', {
      capabilities: [{ capability: 'events', state: true }],
    })
    for (const [place, operation] of list.entries()) {
      this.#step = `step ${place + 1}, ${inWords(operation)}`
      this.#count(`operation ${operation.do}`)
      await this.#perform(operation)
      await this.#look()
    }
    this.#step = 'when all is quiet'
    await this.#rest()
    return this.#breaches
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1
  }

  #broken(id: (typeof SYSTEM_INVARIANTS)[number], found: string): void {
    this.#breaches.push({ id, text: invariant(id).text, found: `${found} (${this.#step})` })
  }

  async #perform(operation: Operation): Promise<void> {
    const { source, uri } = this.#pair
    switch (operation.do) {
      case 'advance':
        return this.#pair.advance(operation.millis)
      case 'until':
        return this.#until(operation.moment)
      case 'cut':
        return this.#pair.cut?.()
      case 'migrate': {
        const before = await this.#status()
        const answer = await this.#execute(source, 'migrate', { uri })
        if ('return' in answer) {
          if (!idle.has(before)) this.#broken('I7', `migrate was accepted while a run was ${before}`)
          this.#isCancelAccepted = false
        }
        return
      }
      case 'cancel': {
        const before = await this.#status()
        const answer = await this.#execute(source, 'migrate_cancel')
        if ('return' in answer && !idle.has(before)) this.#isCancelAccepted = true
        return
      }
      case 'continue':
        await this.#execute(source, 'migrate-continue', { state: await this.#status() })
        return
      case 'pause-before-switchover':
        await this.#execute(source, 'migrate-set-capabilities', {
          capabilities: [{ capability: operation.do, state: operation.on }],
        })
        return
      case 'stop':
      case 'cont': {
        const answer = await this.#execute(source, operation.do)
        if ('return' in answer) this.#wasStopped = operation.do === 'stop'
      }
    }
  }

  /** Moments are short: a millisecond at a time. */
  async #until(moment: Moment): Promise<void> {
    for (let waited = 0; waited < UNTIL_MILLIS; waited++) {
      const status = await this.#status()
      if (idle.has(status) || status === 'pre-switchover') return
      if (moment === 'stopped' && !(await this.#pair.source.isRunning())) return
      await this.#pair.advance(1)
    }
  }

  /** A command, and that a refused one changes nothing. */
  async #execute(party: SystemParty, name: string, args?: Figures): Promise<SystemAnswer> {
    const before = await this.#picture()
    const answer = await party.execute(name, args)
    if ('return' in answer) return answer
    this.#count(`refused ${name}`)
    if (answer.error.desc.trim() === '') this.#broken('I11', `${name} is refused without a sentence that says why`)
    const after = await this.#picture()
    if (after !== before) this.#broken('I8', `${name} was refused and changed ${before} to ${after}`)
    return answer
  }

  /** What a refused command must leave as it was. */
  async #picture(): Promise<string> {
    const capabilities = await this.#pair.source.execute('query-migrate-capabilities')
    return JSON.stringify([await this.#status(), 'return' in capabilities ? capabilities.return : undefined])
  }

  async #query(): Promise<Figures> {
    return returned(await this.#pair.source.execute('query-migrate'))
  }

  async #status(): Promise<string> {
    return statusIn(await this.#query())
  }

  async #look(): Promise<void> {
    const { source, destination } = this.#pair
    const figures = await this.#query()
    const status = statusIn(figures)
    this.#count(`status ${status}`)
    if ((await source.isRunning()) && (await destination.isRunning())) this.#broken('I1', 'both guests run')
    if (status === 'failed' && String(figures['error-desc'] ?? '') === '')
      this.#broken('I11', 'failed, and query-migrate does not say why')
    if (status === 'completed') this.#lookAtFigures(figures)
  }

  #lookAtFigures(figures: Figures): void {
    const { 'total-time': total, downtime } = figures
    if (typeof total !== 'number' || typeof downtime !== 'number' || total <= 0 || downtime < 0 || downtime > total)
      this.#broken('I12', `completed with total-time ${String(total)} and downtime ${String(downtime)}`)
  }

  async #rest(): Promise<void> {
    const patience = this.#system.patienceMillis ?? PATIENCE_MILLIS
    let status = await this.#status()
    for (let waited = 0; !idle.has(status) && waited < patience; waited += REST_STEP_MILLIS) {
      if (status === 'pre-switchover') await this.#execute(this.#pair.source, 'migrate-continue', { state: status })
      await this.#pair.advance(REST_STEP_MILLIS)
      status = await this.#status()
    }
    await this.#look()
    if (!idle.has(status)) return this.#broken('I9', `still ${status} after ${patience} ms`)
    this.#count(`ended ${status}`)
    if (this.#isCancelAccepted && status === 'failed') this.#broken('I6', 'a cancel was accepted, and the run failed')
    await this.#lookAtOwner(status)
    this.#lookAtEvents(status)
  }

  async #lookAtOwner(status: string): Promise<void> {
    const { source, destination } = this.#pair
    const [here, there] = [await source.isRunning(), await destination.isRunning()]
    if (!this.#wasStopped && here === there)
      this.#broken('I2', `${status}, and ${here ? 'both guests run' : 'no guest runs'}`)
    if (status === 'completed' && here) this.#broken('I4', 'completed, and the guest runs on the source')
    if (status !== 'completed' && there) this.#broken('I2', `${status}, and the guest runs on the destination`)
    if (status !== 'completed' || source.memory === undefined || destination.memory === undefined) return
    if (!there && (await source.memory()) !== (await destination.memory()))
      this.#broken('I15', 'completed, and the memory that arrived is not what was sent')
  }

  #lookAtEvents(status: string): void {
    const profile: Profile = this.#system.profile ?? '2.11'
    const statuses = this.#pair.source
      .events()
      .filter(({ event }) => event === 'MIGRATION')
      .map(({ data }) => statusIn(isFigures(data) ? data : {}))
    let before = 'none'
    for (const each of statuses) {
      const allowed = successors('outgoing', profile, before)
      if (!allowed.includes(each))
        this.#broken('I5', `${before} is followed by ${each}; expected ${allowed.join(' or ') || 'nothing'}`)
      before = each
    }
    if (before !== status) this.#broken('I13', `the last event says ${before}, query-migrate ${status}`)
  }
}
