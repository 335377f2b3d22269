/** The core against what real QEMUs answered: every error text of 2.11, and the same commands to 2.11 and to 7.2. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import type { Profile, QuirkId } from '../../machines/index.ts'
import type { CoreOptions } from './core-state.ts'
import type { CoreOutput } from './output.ts'
import { reach, ScenarioCore, scenarios, type ScenarioInput } from './scenarios.ts'

const lines = (name: string): readonly unknown[] =>
  readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) =>
      JSON.parse(line, (_key, value: unknown) =>
        typeof value === 'object' && value !== null && '$integer' in value ? BigInt(String(value.$integer)) : value,
      ),
    )

interface SeenError {
  readonly command: string
  readonly class: string
  readonly desc: string
  readonly arguments: readonly unknown[]
  readonly statuses: readonly string[]
}

/** What the core has no part in. */
const others: readonly { readonly command?: string; readonly desc?: RegExp; readonly because: string }[] = [
  { desc: /^QMP input member '(execute|exec|bogus)'/, because: 'the shape of a request is the business of QMP' },
  { desc: /[Cc]apabilities negotiation/, because: 'so is negotiation' },
  { command: 'xen-load-devices-state', because: 'it is no command of this schema' },
]

const otherOf = ({ command, desc }: SeenError) =>
  others.find((other) => (other.command ?? command) === command && other.desc?.test(desc) !== false)

/** What an error needs beside the status it was seen in. */
interface Setting {
  readonly options?: CoreOptions
  readonly quirks?: readonly QuirkId[]
  readonly capabilities?: readonly string[]
  /** Another scenario than the outgoing one of the status. */
  readonly at?: readonly [side: 'incoming' | 'guest', name: string]
  /** What the world answers to a command whose answer is deferred. */
  readonly world?: ScenarioInput
}

const settingOf = ({ command, desc, arguments: [first] }: SeenError): Setting => {
  if (command === 'migrate') {
    if (desc.startsWith('Command options')) return { capabilities: ['block'] }
    if (desc.startsWith('Guest is waiting')) return { at: ['incoming', 'none (deferred)'] }
    if (/^(State blocked|Migration is disabled)/.test(desc)) return { options: { blockers: [desc] } }
  }
  if (command === 'migrate-incoming') {
    if (desc.startsWith('For use with')) return {}
    if (desc.includes('already been started')) return { at: ['incoming', 'none (listening)'] }
    const world: ScenarioInput = ['fact', { type: 'incoming.listen-failed', reason: desc }]
    return { at: ['incoming', 'none (deferred)'], world }
  }
  // The check works on the live array: the later samples fail because the first one was applied.
  if (desc.startsWith('Postcopy is not currently')) return { quirks: ['q1'] }
  if (desc.startsWith('QEMU compiled without')) return { options: { supportedCapabilities: ['xbzrle'] } }
  if (command === 'migrate-start-postcopy' && desc.startsWith('Postcopy must'))
    return { capabilities: ['postcopy-ram'] }
  if (command === 'xen-set-replication' && !desc.startsWith('The command')) return { options: { replication: [] } }
  if (command === 'xen-save-devices-state' && first !== null) {
    const reason = desc.slice(desc.lastIndexOf(': ') + 2)
    return { world: ['fact', { type: 'devices.save-failed', at: 'open', reason }] }
  }
  return {}
}

const refusalOf = (outputs: readonly CoreOutput[]): readonly [string, string] | undefined => {
  const refusal = outputs.find((output) => output.type === 'refusal')
  return refusal && [refusal.class, refusal.desc]
}

const coreIn = (status: string, setting: Setting): ScenarioCore => {
  const [side, name] = setting.at ?? ['outgoing', status]
  const scenario = scenarios('2.11').find((one) => one.side === side && one.name === name)
  if (scenario === undefined) throw new Error(`expected a scenario ${side} ${name}`)
  const { quirks = [], options = {} } = setting
  const capabilities = setting.capabilities?.filter((one) => !scenario.capabilities?.includes(one)) ?? []
  return reach(scenario, { quirks, options, capabilities })
}

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)

const seen = lines('errors-2.11.jsonl') as readonly SeenError[]

t.test('2.11: every error text that was seen, in the status it was seen in', async (t) => {
  t.equal(seen.length, 132)
  const covered = seen.filter((one) => otherOf(one) === undefined)
  for (const one of covered) {
    const setting = settingOf(one)
    for (const status of one.statuses) {
      const core = coreIn(status, setting)
      for (const given of one.arguments) {
        const outputs = core.take(['command', one.command, given ?? undefined])
        const later = setting.world !== undefined && outputs.some(({ type }) => type === 'deferred')
        const answer = refusalOf(later && setting.world !== undefined ? core.take(setting.world) : outputs)
        t.strictSame(answer, [one.class, one.desc], `${status}: ${one.command} ${String(JSON.stringify(given, plain))}`)
      }
    }
  }
})

t.test('2.11: what is left out is left out for a reason, and every reason is needed', async (t) => {
  const left = seen.filter((one) => otherOf(one) !== undefined)
  t.equal(left.length, 8)
  for (const other of others)
    t.ok(
      left.some((one) => otherOf(one) === other),
      other.because,
    )
})

type Answer = { readonly error: readonly [string, string] } | { readonly return: unknown }
interface Exchange {
  readonly execute: string
  readonly arguments?: unknown
  readonly '2.11': Answer
  readonly '7.2': Answer
}

/** The recorded QEMUs had these; a core reproduces them to meet the same state at every line. */
const reproduced: Readonly<Record<Profile, readonly QuirkId[]>> = {
  '2.11': ['q1', 'q6', 's1', 's2', 's4'],
  '7.2': ['q6', 's7'],
}

const off = (...names: readonly string[]): ScenarioInput => [
  'command',
  'migrate-set-capabilities',
  { capabilities: names.map((capability) => ({ capability, state: false })) },
]

/** The recording is a sample: what the lines left out of it must have done, before a line. */
const leftOut: ReadonlyMap<number, ScenarioInput> = new Map([
  [63, off('x-colo', 'postcopy-ram', 'block', 'rdma-pin-all')],
  [150, ['command', 'migrate-set-parameters', { 'cpu-throttle-initial': 20 }]],
])

const answerOf = (outputs: readonly CoreOutput[]): Answer | undefined => {
  const error = refusalOf(outputs)
  if (error !== undefined) return { error }
  const reply = outputs.find((output) => output.type === 'reply')
  return reply && { return: reply.value }
}

for (const profile of ['2.11', '7.2'] as const)
  t.test(`${profile}: the same commands one after another get the same answers`, async (t) => {
    const exchanges = lines('replies.jsonl') as readonly Exchange[]
    const core = new ScenarioCore({
      profile,
      quirks: reproduced[profile],
      autostart: false,
      replication: [],
    })
    for (const [index, exchange] of exchanges.entries()) {
      const before = leftOut.get(index)
      if (before !== undefined) core.take(before)
      const outputs = core.take(['command', exchange.execute, exchange.arguments])
      const name = `${index}: ${exchange.execute} ${JSON.stringify(exchange.arguments ?? {}, plain)}`
      t.strictSame(answerOf(outputs), exchange[profile], name)
    }
  })
