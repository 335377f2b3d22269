/** Block replication (reference of the semantics, 4.15): the stages of a node, and commands that go to all nodes. */
import t from 'tap'
import type { CoreOptions } from './core-state.ts'
import type { CoreOutput } from './output.ts'
import { ScenarioCore } from './scenarios.ts'

const core = (replication: CoreOptions['replication']): ScenarioCore =>
  new ScenarioCore(replication === undefined ? {} : { replication })

const brief = (outputs: readonly CoreOutput[]): readonly string[] =>
  outputs.map((output) => {
    if (output.type === 'refusal') return `${output.class}: ${output.desc}`
    if (output.type === 'reply') return JSON.stringify(output.value)
    return output.type === 'intent' && output.intent.type === 'replicate'
      ? `${output.intent.operation} ${output.intent.node}`
      : output.type
  })

const set = (one: ScenarioCore, enable: boolean, primary: boolean, failover?: boolean) =>
  brief(
    one.take(['command', 'xen-set-replication', { enable, primary, ...(failover === undefined ? {} : { failover }) }]),
  )
const query = (one: ScenarioCore) => brief(one.take(['command', 'query-xen-replication-status']))

t.test('a QEMU without replication does not know the commands, whatever their arguments', async (t) => {
  for (const name of ['xen-set-replication', 'query-xen-replication-status', 'xen-colo-do-checkpoint'])
    t.strictSame(brief(core(undefined).take(['command', name, { bogus: 1 }])), [
      `CommandNotFound: The command ${name} has not been found`,
    ])
})

t.test('without nodes every command succeeds and nothing is wrong', async (t) => {
  const one = core([])
  t.strictSame(set(one, true, true), ['{}'])
  t.strictSame(query(one), ['{"error":false}'])
  t.strictSame(brief(one.take(['command', 'xen-colo-do-checkpoint'])), ['{}'])
  t.strictSame(set(one, false, true, true), ['{}'])
  t.strictSame(set(one, true, true, false), ["GenericError: Parameter 'failover' is only for stopping replication"])
})

t.test('a primary: none, running, done; it is used once', async (t) => {
  const one = core(['primary'])
  t.strictSame(query(one), ['{"error":true,"desc":"Block replication is not running"}'])
  t.strictSame(set(one, true, false), ["GenericError: The parameter mode's value is invalid, needs 0, but got 1"])
  t.strictSame(set(one, true, true), ['start 0', '{}'])
  t.strictSame(query(one), ['{"error":false}'])
  t.strictSame(set(one, true, true), ['GenericError: Block replication is running or done'])
  one.take(['fact', { type: 'replication.io-error', node: 0 }])
  t.strictSame(query(one), ['{"error":true,"desc":"I/O error occurred"}'])
  t.strictSame(set(one, false, true), ['stop 0', '{}'])
  t.strictSame(set(one, false, true), ['GenericError: Block replication is not running'])
  t.strictSame(set(one, false, true, true), ['failover 0', '{}'], 'a failover swallows it')
})

t.test('a secondary that fails over commits first', async (t) => {
  const ends = (type: 'replication.committed' | 'replication.commit-failed') => {
    const one = core(['secondary'])
    set(one, true, false)
    set(one, false, false, true)
    t.match(one.state.replication, [{ stage: 'failover' }])
    one.take(['fact', { type, node: 0 }])
    return one.state.replication?.[0]?.stage
  }
  t.equal(ends('replication.committed'), 'done')
  t.equal(ends('replication.commit-failed'), 'failover-failed')
  const [early] = core(['secondary']).take(['fact', { type: 'replication.committed', node: 0 }])
  t.match(early, { type: 'unexpected' })
})

t.test('one node that cannot be started keeps all of them as they are (2.11 stops half-way)', async (t) => {
  const one = core(['primary', 'secondary'])
  const before = one.state
  t.strictSame(set(one, true, true), ["GenericError: The parameter mode's value is invalid, needs 1, but got 0"])
  t.equal(one.state, before)
})
