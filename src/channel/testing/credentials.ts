/** Credentials of every kind, made once for all tests of a file, and loaded as a process would load them. */
import { join } from 'node:path'
import { loadTlsCredentials, type TlsCredentials, type TlsEndpoint } from '../tls-credentials.ts'
import { Authority, expired, writeCredentials, type CredentialFiles } from './certificates.ts'

/** The hosts that good servers' certificates are for. */
const hosts = ['localhost', '127.0.0.1', '::1']

const makeKinds = async () => {
  const ca = await Authority.create('authority')
  const other = await Authority.create('other authority')
  const server = await ca.issue({ subject: 'CN=localhost, O=test', hosts })
  const client = await ca.issue({ subject: 'CN=source, O=test' })
  const files = { ca: ca.identity, server, client }
  return {
    good: files,
    /** Everything of another authority. */
    foreign: {
      ca: other.identity,
      server: await other.issue({ subject: 'CN=localhost', hosts }),
      client: await other.issue({ subject: 'CN=source' }),
    },
    /** Trusts the right authority, but has its own certificates from another. */
    impostor: {
      ca: ca.identity,
      server: await other.issue({ subject: 'CN=localhost', hosts }),
      client: await other.issue({ subject: 'CN=source' }),
    },
    expired: {
      ca: ca.identity,
      server: await ca.issue({ subject: 'CN=localhost', hosts, validity: expired }),
      client: await ca.issue({ subject: 'CN=source', validity: expired }),
    },
    otherHost: { ...files, server: await ca.issue({ subject: 'CN=elsewhere', hosts: ['elsewhere.example'] }) },
    /** Each for the other side's purpose. */
    swapped: {
      ca: ca.identity,
      server: await ca.issue({ subject: 'CN=localhost', hosts, purposes: ['client'] }),
      client: await ca.issue({ subject: 'CN=source', purposes: ['server'] }),
    },
    /** Trusts, and shows nothing. */
    anonymous: { ca: ca.identity, server },
    /** Knows that the good certificates have been taken back. */
    revoking: { ...files, crl: await ca.revoke(server, client) },
  } satisfies Readonly<Record<string, CredentialFiles>>
}

let kinds: Promise<Awaited<ReturnType<typeof makeKinds>>> | undefined

/** What {@link credentialsIn} can make. */
export type CredentialKind = keyof Awaited<ReturnType<typeof makeKinds>>

/** Writes a directory of that kind; gives its path. */
export const writeKind = async (root: string, kind: CredentialKind): Promise<string> =>
  writeCredentials(join(root, kind), (await (kinds ??= makeKinds()))[kind])

/** Credentials of that kind. They are not looked at here, as the peer is to refuse them. */
export const credentialsIn = async (
  root: string,
  kind: CredentialKind,
  endpoint: TlsEndpoint,
  verifyPeer = true,
): Promise<TlsCredentials> =>
  loadTlsCredentials({ dir: await writeKind(root, kind), endpoint, verifyPeer, sanityCheck: false })
