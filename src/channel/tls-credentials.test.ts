/** Directories of credentials: what is good, and each way of being bad in the words of a live QEMU 7.2. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Authority, expired, notYetValid, writeCredentials, type CredentialFiles } from './testing/certificates.ts'
import { loadTlsCredentials, TlsCredentialsError, type TlsCredentials, type TlsEndpoint } from './tls-credentials.ts'

const root = mkdtempSync(join(tmpdir(), 'switchover-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))

const good = await Authority.create('good')
const other = await Authority.create('other')
const late = await Authority.create('late', expired)
const hosts = ['localhost', '127.0.0.1']
const server = await good.issue({ subject: 'CN=localhost', hosts })
const client = await good.issue({ subject: 'CN=source' })
const both = { ca: good.identity, server, client }

let directories = 0
const directoryOf = (files: CredentialFiles): string => writeCredentials(join(root, `${++directories}`), files)

const load = (dir: string, endpoint: TlsEndpoint, sanityCheck = true): TlsCredentials | string => {
  try {
    return loadTlsCredentials({ dir, endpoint, verifyPeer: true, sanityCheck })
  } catch (error) {
    if (error instanceof TlsCredentialsError) return error.message.replaceAll(`${dir}/`, '')
    throw error
  }
}

t.test('good credentials, for each endpoint', async (t) => {
  const dir = directoryOf({ ...both, crl: await good.revoke() })
  t.match(load(dir, 'server'), { endpoint: 'server', verifyPeer: true, certificate: server.certificatePem, crl: /CRL/ })
  t.match(load(dir, 'client'), { endpoint: 'client', key: client.keyPem })
  const anonymous = load(directoryOf({ ca: good.identity }), 'client')
  t.strictSame(anonymous, { endpoint: 'client', verifyPeer: true, ca: good.identity.certificatePem })
})

t.test('a file that is missing', async (t) => {
  const missing = (name: string) => `Unable to access credentials ${name}: No such file or directory`
  t.equal(load(join(root, 'nowhere'), 'client'), missing('ca-cert.pem'))
  t.equal(load(directoryOf({ ca: good.identity, client }), 'server'), missing('server-cert.pem'))
  const halves = directoryOf(both)
  rmSync(join(halves, 'client-key.pem'))
  t.equal(load(halves, 'client'), missing('client-key.pem'))
  t.match(load('/dev/null', 'client'), /^Unable to access credentials .*: Not a directory$/)
})

t.test('files that hold something else', async (t) => {
  const broken = (name: string) => {
    const dir = directoryOf({ ...both })
    writeFileSync(join(dir, name), 'nonsense')
    return load(dir, 'server')
  }
  t.equal(broken('ca-cert.pem'), 'Unable to import CA certificate list ca-cert.pem')
  t.equal(broken('server-cert.pem'), 'Unable to import server certificate server-cert.pem')
  t.match(broken('server-key.pem'), /^Cannot load certificate 'server-cert.pem' & key 'server-key.pem': /)
  t.equal(broken('ca-crl.pem'), "Cannot load CRL 'ca-crl.pem': Base64 decoding error.")
  const mixed = directoryOf({ ca: good.identity, server: { ...server, keyPem: client.keyPem } })
  t.equal(
    load(mixed, 'server'),
    "Cannot load certificate 'server-cert.pem' & key 'server-key.pem': " +
      'The certificate and the given key do not match.',
  )
})

t.test('certificates that nobody would accept', async (t) => {
  const issue = (validity: typeof expired) => good.issue({ subject: 'CN=localhost', hosts, validity })
  const cases: readonly (readonly [CredentialFiles, TlsEndpoint, string])[] = [
    [{ ...both, server: await issue(expired) }, 'server', 'The server certificate server-cert.pem has expired'],
    [{ ...both, client: await issue(expired) }, 'client', 'The client certificate client-cert.pem has expired'],
    [
      { ...both, server: await issue(notYetValid) },
      'server',
      'The server certificate server-cert.pem is not yet active',
    ],
    [{ ...both, ca: late.identity }, 'server', 'The CA certificate ca-cert.pem has expired'],
    [{ ...both, ca: server }, 'client', 'The certificate ca-cert.pem basic constraints do not show a CA'],
    [
      { ...both, server: good.identity },
      'server',
      'The certificate server-cert.pem basic constraints show a CA, but we need one for a server',
    ],
    [
      { ...both, server: await good.issue({ subject: 'CN=localhost', purposes: ['client'] }) },
      'server',
      'Certificate server-cert.pem purpose does not allow use with a TLS server',
    ],
    [
      { ...both, client: await good.issue({ subject: 'CN=source', purposes: ['server'] }) },
      'client',
      'Certificate client-cert.pem purpose does not allow use with a TLS client',
    ],
    [
      { ...both, ca: other.identity },
      'server',
      "Our own certificate server-cert.pem failed validation against ca-cert.pem: The certificate hasn't got a known issuer",
    ],
  ]
  for (const [files, endpoint, text] of cases) {
    const dir = directoryOf(files)
    t.equal(load(dir, endpoint), text)
    t.type(load(dir, endpoint, false), 'object', 'without the check it is the peer that will refuse it')
  }
})

t.test('several authorities in one file', async (t) => {
  const ca = { ...good.identity, certificatePem: other.identity.certificatePem + good.identity.certificatePem }
  t.type(load(directoryOf({ ...both, ca }), 'server'), 'object')
})
