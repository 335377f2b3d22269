/** xen-save-devices-state: what it does to a guest and its images, and that its answer comes when the file is complete. */
import t from 'tap'
import { deserialise, imagesState, outgoingStatus, runState, serialise } from './core-state.ts'
import { ScenarioCore, type ScenarioInput } from './scenarios.ts'
import type { CoreOutput } from './output.ts'

const save = (live?: boolean): ScenarioInput => [
  'command',
  'xen-save-devices-state',
  { filename: '/f', ...(live === undefined ? {} : { live }) },
]
const saved: ScenarioInput = ['fact', { type: 'devices.saved' }]

const brief = (outputs: readonly CoreOutput[]): readonly string[] =>
  outputs.map((output) => {
    if (output.type === 'event') return output.event.event
    if (output.type === 'intent') return output.intent.type
    return 'ticket' in output ? `${output.type} ${output.ticket}` : output.type
  })

t.test('a running guest stands still while its devices are read; its images stay', async (t) => {
  const core = new ScenarioCore()
  const outputs = core.take(save())
  t.strictSame(brief(outputs), ['stop-guest', 'STOP', 'save-devices', 'start-guest', 'RESUME', 'deferred 1'])
  t.match(outputs[2], { intent: { run: 1, filename: '/f', live: true } })
  t.equal(runState(core.state), 'running')
  t.strictSame(brief(core.take(saved)), ['reply 1'])
  t.equal(imagesState(core.state), 'held')
  t.strictSame(core.state.pending, [])
})

t.test('a guest at rest stays at rest; a live save releases its images when the file is complete', async (t) => {
  const core = new ScenarioCore()
  core.take(['command', 'stop'])
  t.strictSame(brief(core.take(save())), ['save-devices', 'deferred 1'])
  t.equal(imagesState(core.state), 'held', 'not before')
  t.strictSame(brief(core.take(saved)), ['release-images', 'reply 1'])
  t.equal(imagesState(core.state), 'released')
  t.strictSame(brief(core.take(['command', 'cont'])), ['acquire-images', 'start-guest', 'RESUME', 'reply'])
})

t.test('live false keeps the images; so does a guest that was continued meanwhile, or stopped meanwhile', async (t) => {
  const kept = new ScenarioCore()
  kept.take(['command', 'stop'])
  kept.take(save(false))
  t.strictSame(brief(kept.take(saved)), ['reply 1'])

  const continued = new ScenarioCore()
  continued.take(['command', 'stop'])
  continued.take(save())
  continued.take(['command', 'cont'])
  t.strictSame(brief(continued.take(saved)), ['reply 1'])
  t.equal(imagesState(continued.state), 'held')

  const stopped = new ScenarioCore()
  stopped.take(save())
  stopped.take(['command', 'stop'])
  t.strictSame(brief(stopped.take(saved)), ['reply 1'])
  t.equal(imagesState(stopped.state), 'held', 'what was saved is not the state in which it rests now')
})

t.test('errors: the guest runs on, the images stay, the text is QEMU’s', async (t) => {
  const failed = (at: 'open' | 'write'): readonly CoreOutput[] => {
    const core = new ScenarioCore()
    core.take(['command', 'stop'])
    core.take(save())
    const outputs = core.take(['fact', { type: 'devices.save-failed', at, reason: 'Permission denied' }])
    t.equal(imagesState(core.state), 'held')
    return outputs
  }
  t.match(failed('open'), [{ type: 'refusal', ticket: 1, desc: 'Unable to open /f: Permission denied' }])
  t.match(failed('write'), [{ type: 'refusal', ticket: 1, desc: 'An IO error has occurred' }])
})

t.test('it is taken in the middle of a migration and does not touch it', async (t) => {
  const core = new ScenarioCore()
  core.take(['command', 'migrate', { uri: 'tcp:h:1' }])
  core.take(['fact', { type: 'outgoing.connected', returnPath: true }])
  core.take(['fact', { type: 'outgoing.setup-done', setupMillis: 1 }])
  core.take(save())
  t.equal(outgoingStatus(core.state), 'active')
  t.equal(core.state.outgoing?.stoppedMillis, undefined, 'nor its downtime')
  core.take(['fact', { type: 'outgoing.converged' }])
  t.equal(runState(core.state), 'finish-migrate')
  t.strictSame(brief(core.take(saved)), ['reply 1'])
  t.equal(imagesState(core.state), 'held', 'a migration releases them itself')
})

t.test('the waiting command survives being written down; an answer for no command is named', async (t) => {
  const core = new ScenarioCore()
  core.take(save())
  core.state = deserialise(serialise(core.state))
  t.strictSame(brief(core.take(saved)), ['reply 1'])
  t.match(core.take(saved), [{ type: 'unexpected', fact: 'devices.saved' }])
})

t.test('two saves are answered each with its own ticket, in whatever order the files are complete', async (t) => {
  const core = new ScenarioCore()
  core.take(save())
  core.take(save())
  t.strictSame(brief(core.take(saved)), ['reply 2'])
  t.equal(core.state.pending.length, 1)
})
