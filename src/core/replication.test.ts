/** Block replication (reference of the semantics, 4.15): the stages of the nodes, and commands that go to all of them. */
import t from 'tap'
import type { CoreOptions } from './core-state.ts'
import type { CoreOutput } from './output.ts'
import { pathOf } from './core-state.ts'
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

/** Every node that is at work says that it is done. */
const finish = (one: ScenarioCore, type: 'replication.done' | 'replication.committed' = 'replication.done') => {
  const { waiting, number: run } = one.state.replication?.work ?? { waiting: [], number: 0 }
  return waiting.flatMap((node) => brief(one.tell({ type, node, run })))
}

const refuses = (one: ScenarioCore, node: number, reason: string, type: 'refused' | 'commit-failed' = 'refused') =>
  brief(one.tell({ type: `replication.${type}`, node, reason, run: one.state.replication?.work?.number ?? 0 }))

const ioError = (node: number) => ({ type: 'replication.io-error', node, reason: 'EIO', run: 0 }) as const

t.test('a primary: off, replicating, done; it is used once', async (t) => {
  const one = core(['primary'])
  t.strictSame(query(one), ['{"error":true,"desc":"Block replication is not running"}'])
  t.strictSame(set(one, true, false), ["GenericError: The parameter mode's value is invalid, needs 0, but got 1"])
  t.strictSame(set(one, true, true), ['start 0', 'deferred'])
  t.strictSame(set(one, false, true), ['GenericError: Block replication is busy with another operation'])
  t.strictSame(finish(one), ['{}'], 'the command is answered when the disks are there')
  t.strictSame(query(one), ['{"error":false}'])
  t.strictSame(set(one, true, true), ['GenericError: Block replication is running or done'])
  one.tell(ioError(0))
  t.strictSame(query(one), ['{"error":true,"desc":"I/O error occurred"}'])
  t.strictSame(set(one, false, true), ['stop 0', 'deferred'])
  t.strictSame(finish(one), ['{}'])
  t.strictSame(set(one, false, true), ['GenericError: Block replication is not running'])
  t.strictSame(set(one, false, true, true), ['{}'], 'a failover swallows it')
})

t.test('a secondary that fails over commits first', async (t) => {
  const begun = () => {
    const one = core(['secondary'])
    set(one, true, false)
    finish(one)
    t.strictSame(set(one, false, false, true), ['failover 0', '{}'], 'answered while the commit goes on')
    return one
  }
  const commits = begun()
  finish(commits, 'replication.committed')
  t.strictSame(pathOf(commits.state, 'replication'), ['done'])
  const fails = begun()
  refuses(fails, 0, 'No space left on device', 'commit-failed')
  t.strictSame(pathOf(fails.state, 'replication'), ['failover-failed'])
  const [early] = core(['secondary']).tell({ type: 'replication.committed', node: 0, run: 1 })
  t.match(early, { type: 'unexpected' })
})

t.test('one node that cannot be started keeps all of them as they are (2.11 stops half-way)', async (t) => {
  const one = core(['primary', 'secondary'])
  const before = one.state
  t.strictSame(set(one, true, true), ["GenericError: The parameter mode's value is invalid, needs 1, but got 0"])
  t.equal(one.state, before)
  const two = core(['secondary', 'secondary'])
  set(two, true, false)
  t.strictSame(brief(two.tell({ type: 'replication.done', node: 0, run: 1 })), [])
  t.strictSame(refuses(two, 1, "Hidden disk doesn't have backing file"), [
    'stop 0',
    "GenericError: Hidden disk doesn't have backing file",
  ])
  t.strictSame(pathOf(two.state, 'replication'), ['off'])
  t.match(two.tell({ type: 'replication.done', node: 0, run: 2 }), [{ type: 'unexpected' }], 'nobody waits for that')
  t.strictSame(set(two, true, false), ['start 0', 'start 1', 'deferred'], 'and it can be tried again')
})

t.test('a checkpoint is answered when it is made; a primary has nothing to do before it is started', async (t) => {
  const checkpoint = (one: ScenarioCore) => brief(one.take(['command', 'xen-colo-do-checkpoint']))
  const primary = core(['primary'])
  t.strictSame(checkpoint(primary), ['{}'])
  const secondary = core(['secondary'])
  t.strictSame(checkpoint(secondary), ['GenericError: Backup job was cancelled unexpectedly'])
  set(secondary, true, false)
  finish(secondary)
  t.strictSame(checkpoint(secondary), ['checkpoint 0', 'deferred'])
  t.strictSame(refuses(secondary, 0, 'Cannot make active disk empty'), ['GenericError: Cannot make active disk empty'])
  t.strictSame(query(secondary), ['{"error":true,"desc":"Cannot make active disk empty"}'])
})
