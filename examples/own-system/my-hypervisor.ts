/** A small hypervisor, and what the suite wants to know of it. See README.md. */
import type { SystemAnswer, SystemEvent, SystemPair, SystemParty, SystemUnderTest } from 'switchover/properties'

const PAGES = 64
/** Pages a millisecond that the guest writes, and that the wire carries. */
const WRITES_PER_MILLI = 0.4
const PAGES_PER_MILLI = 1
const DOWNTIME_PAGES = 8

const isBuggy = process.env['BUG'] !== 'none'

const refused = (desc: string): SystemAnswer => ({ error: { class: 'GenericError', desc } })
const done: SystemAnswer = { return: {} }

class Machine implements SystemParty {
  status = 'none'
  pages = new Uint32Array(PAGES)
  running = false
  /** How the migration found the guest. */
  before = false
  error = ''
  startedMillis = 0
  stoppedMillis = 0
  totalMillis = 0
  downtimeMillis = 0
  readonly #log: SystemEvent[] = []
  readonly #capabilities = new Map([
    ['events', false],
    ['pause-before-switchover', false],
  ])
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  events = () => this.#log
  isRunning = async () => this.running
  memory = async () => this.pages.join()
  has = (capability: string) => this.#capabilities.get(capability) === true

  enter(status: string): void {
    this.status = status
    if (this.has('events')) this.#log.push({ event: 'MIGRATION', data: { status } })
  }

  async execute(name: string, args: Readonly<Record<string, unknown>> = {}): Promise<SystemAnswer> {
    const isBusy = !['none', 'completed', 'failed', 'cancelled'].includes(this.status)
    switch (name) {
      case 'query-migrate':
        return { return: this.#figures() }
      case 'query-migrate-capabilities':
        return { return: [...this.#capabilities].map(([capability, state]) => ({ capability, state })) }
      case 'migrate-set-capabilities': {
        if (isBusy) return refused('There is a migration in progress')
        for (const { capability, state } of args['capabilities'] as { capability: string; state: boolean }[])
          this.#capabilities.set(capability, state)
        return done
      }
      case 'migrate':
        if (isBusy) return refused('There is a migration in progress')
        if (this.#world.isHandedOver) return refused('The guest has left')
        return this.#world.begin()
      case 'migrate_cancel':
        if (isBusy) this.#world.cancel()
        return done
      case 'migrate-continue':
        if (this.status !== 'pre-switchover') return refused('Migration is not in pre-switchover')
        this.enter('device')
        return done
      case 'stop':
      case 'cont':
        if (['pre-switchover', 'device'].includes(this.status) || this.#world.isHandedOver)
          return refused('The guest is on its way')
        this.running = name === 'cont'
        return done
      default:
        return refused(`The command ${name} has not been found`)
    }
  }

  #figures(): Readonly<Record<string, unknown>> {
    if (this.status === 'none') return {}
    return {
      status: this.status,
      ...(this.error === '' ? {} : { 'error-desc': this.error }),
      ...(this.status === 'completed' ? { 'total-time': this.totalMillis, downtime: this.downtimeMillis } : {}),
    }
  }
}

/** Both machines, the wire between them, and their time. */
class World implements SystemPair {
  readonly source = new Machine(this)
  readonly destination = new Machine(this)
  readonly uri = 'wire:0'
  isHandedOver = false
  #nowMillis = 0
  #dirty = new Set<number>()
  #next = 0
  #isCut = false

  constructor() {
    this.source.running = true
  }

  begin(): SystemAnswer {
    const { source } = this
    source.enter('setup')
    source.error = ''
    source.startedMillis = this.#nowMillis
    source.stoppedMillis = 0
    this.#isCut = false
    this.#dirty = new Set(Array.from({ length: PAGES }, (_, page) => page))
    source.enter('active')
    return done
  }

  cancel(): void {
    const { source } = this
    source.enter('cancelling')
    source.enter('cancelled')
    // The bug: who stopped the guest for the last pass has to start it again.
    if (!isBuggy) this.#resume()
  }

  #resume(): void {
    if (this.source.stoppedMillis > 0) this.source.running = this.source.before
    this.source.stoppedMillis = 0
  }

  async advance(millis: number): Promise<void> {
    for (let passed = 0; passed < millis; passed++) this.#tick()
  }

  #tick(): void {
    this.#nowMillis++
    const { source, destination } = this
    for (const machine of [source, destination])
      if (machine.running && this.#nowMillis * WRITES_PER_MILLI >= this.#next) this.#write(machine)
    if (!['active', 'pre-switchover', 'device'].includes(source.status)) return
    if (this.#isCut) {
      source.error = 'Connection reset by peer'
      source.enter('failed')
      return this.#resume()
    }
    if (source.status === 'active') this.#send()
    else if (source.status === 'device') this.#handOver()
  }

  #write(machine: Machine): void {
    const page = (this.#next++ * 7) % 16
    machine.pages[page] = (machine.pages[page] ?? 0) + 1
    this.#dirty.add(page)
  }

  #send(): void {
    const { source, destination } = this
    for (const page of [...this.#dirty].slice(0, PAGES_PER_MILLI)) {
      destination.pages[page] = source.pages[page]!
      this.#dirty.delete(page)
    }
    if (source.stoppedMillis > 0) {
      if (this.#dirty.size > 0) return
      source.enter(source.has('pause-before-switchover') ? 'pre-switchover' : 'completed')
      if (source.status === 'completed') this.#complete()
    } else if (this.#dirty.size <= DOWNTIME_PAGES) {
      source.before = source.running
      source.running = false
      source.stoppedMillis = this.#nowMillis
    }
  }

  #handOver(): void {
    this.source.enter('completed')
    this.#complete()
  }

  #complete(): void {
    const { source, destination } = this
    source.totalMillis = this.#nowMillis - source.startedMillis
    source.downtimeMillis = this.#nowMillis - source.stoppedMillis
    this.isHandedOver = true
    destination.running = source.before
  }

  async cut(): Promise<void> {
    this.#isCut = true
  }

  async close(): Promise<void> {}
}

const system: SystemUnderTest = { name: 'my hypervisor', make: async () => new World() }

export default system
