/**
 * Credentials for TLS from a directory laid out as QEMU's `tls-creds-x509` has it:
 *
 * ```
 * ca-cert.pem                        who is trusted; required
 * ca-crl.pem                         what they have taken back
 * server-cert.pem  server-key.pem    this side, where it receives a guest; required there
 * client-cert.pem  client-key.pem    this side, where it sends one; a source may go without
 * dh-params.pem                      where it receives
 * ```
 *
 * What could not work is refused when the credentials are loaded, in QEMU's words, and not by a migration that fails.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CredentialsOptions } from '../core/intent.ts'
import { systemCode, systemText } from './system-error.ts'

/** Which side of a migration credentials are for: a client sends a guest, a server receives it. */
export type TlsEndpoint = 'client' | 'server'

/** Loaded credentials, as plain data that another thread can be given. All texts are PEM. */
export interface TlsCredentials {
  readonly endpoint: TlsEndpoint
  readonly verifyPeer: boolean
  readonly ca: string
  readonly certificate?: string
  readonly key?: string
  readonly crl?: string
  readonly dhParameters?: string
}

/** The credentials cannot be used; the message is QEMU's. */
export class TlsCredentialsError extends Error {
  readonly _tag = 'TlsCredentialsError'
  override readonly name = 'TlsCredentialsError'
}

const fail = (message: string): never => {
  throw new TlsCredentialsError(message)
}

interface File {
  readonly path: string
  readonly text: string
}

const readOptional = (dir: string, name: string): File | undefined => {
  const path = join(dir, name)
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    return fail(`Unable to access credentials ${path}: ${systemText(error)}`)
  }
}

const read = (dir: string, name: string): File =>
  readOptional(dir, name) ?? fail(`Unable to access credentials ${join(dir, name)}: No such file or directory`)

/** The certificates of a file, in order; none where one of them cannot be read. */
const certificatesOf = ({ text }: File): readonly X509Certificate[] => {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch {
    return []
  }
}

const checkDates = (what: string, path: string, certificate: X509Certificate): void => {
  const now = Date.now()
  if (now < certificate.validFromDate.getTime()) fail(`The ${what} certificate ${path} is not yet active`)
  if (now > certificate.validToDate.getTime()) fail(`The ${what} certificate ${path} has expired`)
}

/** Extended key usages, which Node gives as object identifiers. */
const purposes: Readonly<Record<TlsEndpoint, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' }
const anyPurpose = '2.5.29.37.0'

const checkOwn = (endpoint: TlsEndpoint, { path }: File, certificate: X509Certificate): void => {
  checkDates(endpoint, path, certificate)
  if (certificate.ca) fail(`The certificate ${path} basic constraints show a CA, but we need one for a ${endpoint}`)
  const allowed: readonly string[] | undefined = certificate.keyUsage
  if (allowed !== undefined && !allowed.includes(purposes[endpoint]) && !allowed.includes(anyPurpose))
    fail(`Certificate ${path} purpose does not allow use with a TLS ${endpoint}`)
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)

/** Whether a chain leads from the first certificate to one that is trusted. */
const leadsTo = (chain: readonly X509Certificate[], trusted: readonly X509Certificate[]): boolean => {
  const [first, ...rest] = chain
  if (first === undefined) return false
  if (trusted.some((issuer) => isIssuedBy(first, issuer))) return true
  return rest.some((next) => isIssuedBy(first, next)) && leadsTo(rest, trusted)
}

const checkAuthorities = (ca: File, authorities: readonly X509Certificate[]): void => {
  for (const authority of authorities) {
    checkDates('CA', ca.path, authority)
    if (!authority.ca) fail(`The certificate ${ca.path} basic constraints do not show a CA`)
  }
}

const checkKey = (certificate: File, leaf: X509Certificate, key: File): void => {
  const pair = `Cannot load certificate '${certificate.path}' & key '${key.path}'`
  const matches = (() => {
    try {
      return leaf.checkPrivateKey(createPrivateKey(key.text))
    } catch (error) {
      return fail(`${pair}: ${error instanceof Error ? error.message : String(error)}`)
    }
  })()
  if (!matches) fail(`${pair}: The certificate and the given key do not match.`)
}

const checkRevocations = ({ path, text }: File): void => {
  if (!/-----BEGIN X509 CRL-----[\s\S]+-----END X509 CRL-----/.test(text))
    fail(`Cannot load CRL '${path}': Base64 decoding error.`)
}

/** The certificate of this side and its key: a server needs both, a client may have neither. */
const ownFiles = (dir: string, endpoint: TlsEndpoint): readonly [certificate: File, key: File] | undefined => {
  const names = [`${endpoint}-cert.pem`, `${endpoint}-key.pem`] as const
  if (endpoint === 'server') return [read(dir, names[0]), read(dir, names[1])]
  const certificate = readOptional(dir, names[0])
  const key = readOptional(dir, names[1])
  if (certificate === undefined && key === undefined) return undefined
  return [certificate ?? read(dir, names[0]), key ?? read(dir, names[1])]
}

/**
 * Loads the credentials of a directory.
 *
 * @throws TlsCredentialsError
 */
export const loadTlsCredentials = (options: CredentialsOptions): TlsCredentials => {
  const { dir, endpoint, verifyPeer, sanityCheck } = options
  const ca = read(dir, 'ca-cert.pem')
  const own = ownFiles(dir, endpoint)
  const crl = readOptional(dir, 'ca-crl.pem')
  const dhParameters = endpoint === 'server' ? readOptional(dir, 'dh-params.pem') : undefined
  const authorities = certificatesOf(ca)
  if (authorities.length === 0) fail(`Unable to import CA certificate list ${ca.path}`)
  if (sanityCheck) checkAuthorities(ca, authorities)
  if (own !== undefined) {
    const [certificate, key] = own
    const chain = certificatesOf(certificate)
    const [leaf] = chain
    if (leaf === undefined) return fail(`Unable to import ${endpoint} certificate ${certificate.path}`)
    if (sanityCheck) {
      checkOwn(endpoint, certificate, leaf)
      if (!leadsTo(chain, authorities))
        fail(
          `Our own certificate ${certificate.path} failed validation against ${ca.path}: ` +
            "The certificate hasn't got a known issuer",
        )
    }
    checkKey(certificate, leaf, key)
  }
  if (crl !== undefined) checkRevocations(crl)
  return {
    endpoint,
    verifyPeer,
    ca: ca.text,
    ...(own === undefined ? {} : { certificate: own[0].text, key: own[1].text }),
    ...(crl === undefined ? {} : { crl: crl.text }),
    ...(dhParameters === undefined ? {} : { dhParameters: dhParameters.text }),
  }
}
