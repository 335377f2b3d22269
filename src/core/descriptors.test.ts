/** The commands about descriptors for `fd:`, and that each can be used once. */
import t from 'tap'
import { ScenarioCore } from './scenarios.ts'
import type { CoreOutput } from './output.ts'

const refusal = (outputs: readonly CoreOutput[]): string | undefined =>
  outputs.flatMap((output) => (output.type === 'refusal' ? [output.desc] : []))[0]

t.test('none can be received over QMP, and the refusal says what can be done', async (t) => {
  const core = new ScenarioCore()
  for (const [name, given] of [
    ['getfd', { fdname: 'a' }],
    ['add-fd', {}],
  ] as const) {
    const [output] = core.take(['command', name, given])
    t.match(output, {
      type: 'refusal',
      class: 'GenericError',
      desc: /^No file descriptor supplied via SCM_RIGHTS .*given when the process is started/,
      unsupported: 'descriptors over QMP',
    })
  }
  t.equal(refusal(core.take(['command', 'getfd', {}])), "Parameter 'fdname' is missing")
  t.equal(refusal(core.take(['command', 'getfd', { fdname: 'a', x: 1 }])), "Parameter 'x' is unexpected")
})

t.test('closefd closes what has not been used', async (t) => {
  const core = new ScenarioCore({ descriptors: ['a', 'b'] })
  t.match(core.take(['command', 'closefd', { fdname: 'a' }]), [
    { type: 'intent', intent: { type: 'close-descriptor', name: 'a' } },
    { type: 'reply', value: {} },
  ])
  t.equal(refusal(core.take(['command', 'closefd', { fdname: 'a' }])), "File descriptor named 'a' not found")
  t.same(core.state.equipment.descriptors, ['b'])
})

t.test('a descriptor is used up by the run that takes it, and by no refused one', async (t) => {
  const core = new ScenarioCore({ descriptors: ['a'] })
  const migrate = (uri: string) => core.take(['command', 'migrate', { uri }])
  t.equal(refusal(migrate('fd:b')), "File descriptor named 'b' has not been found")
  core.take(['command', 'migrate-set-parameters', { 'tls-creds': 'nosuch' }])
  t.match(refusal(migrate('fd:a')), 'No TLS credentials')
  t.same(core.state.equipment.descriptors, ['a'])
  core.take(['command', 'migrate-set-parameters', { 'tls-creds': '' }])
  t.equal(refusal(migrate('fd:a')), undefined)
  core.take(['fact', { type: 'outgoing.connect-failed', reason: 'gone', side: 'channel' }])
  core.take(['fact', { type: 'outgoing.ended' }])
  t.equal(refusal(migrate('fd:a')), "File descriptor named 'a' has not been found")
})

t.test('a listener that fails has used nothing up', async (t) => {
  const core = new ScenarioCore({ descriptors: ['a'], incoming: 'defer' })
  core.take(['command', 'migrate-incoming', { uri: 'fd:a' }])
  t.same(core.state.equipment.descriptors, [])
  const outputs = core.take(['fact', { type: 'incoming.listen-failed', reason: 'Bad file descriptor' }])
  t.equal(refusal(outputs), 'Bad file descriptor')
  t.same(core.state.equipment.descriptors, ['a'])
})
