/** object-add, object-del and what TLS needs of them. The texts of 7.2 were asked of a live QEMU. */
import t from 'tap'
import type { Profile } from '../../machines/index.ts'
import type { CoreOutput } from './output.ts'
import { ScenarioCore } from './scenarios.ts'

const refusal = (outputs: readonly CoreOutput[]): string | undefined =>
  outputs.flatMap((output) => (output.type === 'refusal' ? [output.desc] : []))[0]

const intents = (outputs: readonly CoreOutput[]) =>
  outputs.flatMap((output) => (output.type === 'intent' ? [output.intent] : []))

const add = (core: ScenarioCore, type: string, id: string, props: object) =>
  core.take([
    'command',
    'object-add',
    core.state.profile === '7.2' ? { 'qom-type': type, id, ...props } : { 'qom-type': type, id, props },
  ])

/** A core with credentials that have been loaded. */
const withCredentials = (profile: Profile, endpoint: string, props: object = {}, options = {}): ScenarioCore => {
  const core = new ScenarioCore({ profile, ...options })
  add(core, 'tls-creds-x509', 'tls0', { dir: '/tls', endpoint, ...props })
  core.take(['fact', { type: 'object.loaded' }])
  return core
}

const setParameters = (core: ScenarioCore, given: object) => core.take(['command', 'migrate-set-parameters', given])

for (const profile of ['2.11', '7.2'] as const) {
  t.test(`${profile}: credentials are loaded before the command is answered`, async (t) => {
    const core = new ScenarioCore({ profile })
    const [intent, later] = add(core, 'tls-creds-x509', 'tls0', {
      dir: '/tls',
      endpoint: 'server',
      'verify-peer': false,
    })
    t.match(intent, {
      intent: {
        type: 'load-credentials',
        id: 'tls0',
        run: 1,
        options: { dir: '/tls', endpoint: 'server', verifyPeer: false, sanityCheck: true },
      },
    })
    t.match(later, { type: 'deferred', ticket: 1 })
    t.same(core.state.objects, {})
    const duplicate = "attempt to add duplicate property 'tls0' to object (type 'container')"
    t.equal(refusal(add(core, 'tls-creds-x509', 'tls0', { dir: '/other' })), duplicate, 'while it is being loaded')
    core.tell({ type: 'object.loaded', run: 1 })
    t.match(core.state.objects, { tls0: { type: 'tls-creds-x509', endpoint: 'server', verifyPeer: false } })
    t.equal(refusal(add(core, 'tls-creds-x509', 'tls0', { dir: '/other' })), duplicate)
    t.match(core.tell({ type: 'object.loaded', run: 1 }), [{ type: 'unexpected' }], 'only once')
  })

  t.test(`${profile}: credentials that cannot be loaded are not there`, async (t) => {
    const core = new ScenarioCore({ profile })
    const before = core.state.objects
    add(core, 'tls-creds-x509', 'tls0', { dir: '/tls' })
    const reason = 'Unable to access credentials /tls/ca-cert.pem: No such file or directory'
    t.equal(refusal(core.take(['fact', { type: 'object.load-failed', reason }])), reason)
    t.same(core.state.objects, before)
    t.equal(refusal(core.take(['command', 'object-del', { id: 'tls0' }])), "object 'tls0' not found")
  })

  t.test(`${profile}: what is taken away is gone`, async (t) => {
    const core = withCredentials(profile, 'client')
    t.match(intents(core.take(['command', 'object-del', { id: 'tls0' }])), [{ type: 'unload-credentials', id: 'tls0' }])
    setParameters(core, { 'tls-creds': 'tls0' })
    t.equal(refusal(core.take(['command', 'migrate', { uri: 'tcp:h:1' }])), "No TLS credentials with id 'tls0'")
    add(core, 'authz-simple', 'a', { identity: 'CN=x' })
    t.same(core.take(['command', 'object-del', { id: 'a' }]), [{ type: 'reply', value: {} }])
  })
}

t.test('what is refused, in the words of either version', async (t) => {
  const cases: readonly (readonly [string, string, object, string, string])[] = [
    ['bogus', 'x', {}, 'invalid object type: bogus', "Parameter 'qom-type' does not accept value 'bogus'"],
    ['authz-simple', '0x', {}, "Parameter 'id' expects an identifier", "Parameter 'id' expects an identifier"],
    ['authz-simple', 'x', {}, "Parameter 'identity' is missing", "Parameter 'identity' is missing"],
    ['authz-simple', 'x', { dir: '/' }, "Property '.dir' not found", "Parameter 'dir' is unexpected"],
    ['tls-creds-x509', 'x', {}, "Missing 'dir' property value", "Missing 'dir' property value"],
    ['tls-creds-x509', 'x', { bogus: 1 }, "Property '.bogus' not found", "Parameter 'bogus' is unexpected"],
    [
      'tls-creds-x509',
      'x',
      { dir: '/', endpoint: 'bogus' },
      "Invalid parameter 'bogus'",
      "Parameter 'endpoint' does not accept value 'bogus'",
    ],
    [
      'tls-creds-x509',
      'x',
      { dir: 3 },
      "Invalid parameter type for 'dir', expected: string",
      "Invalid parameter type for 'dir', expected: string",
    ],
    [
      'tls-creds-x509',
      'x',
      { dir: '/', 'verify-peer': 'x' },
      "Invalid parameter type for 'verify-peer', expected: boolean",
      "Invalid parameter type for 'verify-peer', expected: boolean",
    ],
  ]
  for (const [type, id, props, old, recent] of cases) {
    t.equal(refusal(add(new ScenarioCore(), type, id, props)), old)
    t.equal(refusal(add(new ScenarioCore({ profile: '7.2' }), type, id, props)), recent)
  }
  const priority = add(new ScenarioCore(), 'tls-creds-x509', 'x', { dir: '/', priority: 'NORMAL' })
  t.match(priority, [{ unsupported: 'tls-creds-x509.priority', desc: /^Property 'priority' is not supported/ }])
  const noObject = new ScenarioCore().take(['command', 'object-add', { 'qom-type': 'authz-simple', id: 'x', props: 3 }])
  t.equal(refusal(noObject), "Invalid parameter type for 'props', expected: dict")
})

t.test('a run that TLS would fail is not begun', async (t) => {
  const source = withCredentials('2.11', 'server')
  setParameters(source, { 'tls-creds': 'tls0' })
  const migrate = (core: ScenarioCore, uri = 'tcp:h:1') => core.take(['command', 'migrate', { uri }])
  t.equal(refusal(migrate(source)), 'Expected TLS credentials for a client endpoint')
  setParameters(source, { 'tls-creds': 'nosuch' })
  t.equal(refusal(migrate(source)), "No TLS credentials with id 'nosuch'")
  add(source, 'authz-simple', 'a', { identity: 'CN=x' })
  setParameters(source, { 'tls-creds': 'a' })
  t.equal(refusal(migrate(source)), "Object with id 'a' is not TLS credentials")
  t.equal(source.state.outgoing, undefined, 'nothing has begun')
  for (const [profile, text] of [
    ['2.11', 'No hostname available for TLS'],
    ['7.2', 'No hostname for certificate validation'],
  ] as const)
    for (const uri of ['unix:/a', 'exec:cat']) {
      const client = withCredentials(profile, 'client')
      setParameters(client, { 'tls-creds': 'tls0' })
      t.equal(refusal(migrate(client, uri)), text)
      setParameters(client, { 'tls-hostname': 'there' })
      t.match(intents(migrate(client, uri)), [
        { type: 'open-channel', tls: { credentials: 'tls0', hostname: 'there' } },
      ])
    }
  const careless = withCredentials('2.11', 'client', { 'verify-peer': false })
  setParameters(careless, { 'tls-creds': 'tls0' })
  t.match(intents(migrate(careless, 'unix:/a')), [{ tls: { hostname: '' } }])
})

t.test('the host is that of the address, or another that is named', async (t) => {
  for (const [uri, hostname] of [
    ['tcp:there:1', 'there'],
    ['tcp:[::1]:1', '::1'],
  ] as const) {
    const core = withCredentials('2.11', 'client')
    setParameters(core, { 'tls-creds': 'tls0' })
    t.match(intents(core.take(['command', 'migrate', { uri }])), [{ tls: { hostname } }])
  }
  const core = withCredentials('2.11', 'client')
  setParameters(core, { 'tls-creds': 'tls0', 'tls-hostname': 'other' })
  t.match(intents(core.take(['command', 'migrate', { uri: 'tcp:there:1' }])), [{ tls: { hostname: 'other' } }])
})

t.test('a destination: its endpoint, and who may come', async (t) => {
  const incoming = { incoming: 'defer' } as const
  const listen = (core: ScenarioCore) => core.take(['command', 'migrate-incoming', { uri: 'tcp:h:1' }])
  const wrong = withCredentials('7.2', 'client', {}, incoming)
  setParameters(wrong, { 'tls-creds': 'tls0' })
  t.equal(refusal(listen(wrong)), 'Expected TLS credentials for a server endpoint')
  const core = withCredentials('7.2', 'server', {}, incoming)
  setParameters(core, { 'tls-creds': 'tls0', 'tls-authz': 'who' })
  t.equal(refusal(listen(core)), 'Cannot find QAuthZ object ID who')
  add(core, 'authz-simple', 'who', { identity: 'CN=source,O=test' })
  t.match(intents(listen(core)), [{ type: 'listen', tls: { credentials: 'tls0', authorized: 'CN=source,O=test' } }])
  core.take(['fact', { type: 'incoming.turned-away', reason: 'The certificate has expired' }])
  t.equal(core.state.incoming?.turnedAway, 'The certificate has expired')
  t.match(core.take(['fact', { type: 'incoming.bound', uri: 'tcp:h:1' }]), [{ type: 'reply' }], 'it waits on')
})
