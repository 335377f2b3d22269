/**
 * Certificates made at the time of the test, in directories laid out as QEMU's `tls-creds-x509` has them: good ones, and
 * each of the ways in which one can be bad. None is ever checked in, so none expires.
 */
import 'reflect-metadata'
import type { webcrypto } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  type Extension,
  type X509Certificate,
} from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

const DAY_MILLIS = 86_400_000

/** When a certificate holds, in days from now. */
export interface Validity {
  readonly fromDays: number
  readonly toDays: number
}

export const valid: Validity = { fromDays: -1, toDays: 1 }
export const expired: Validity = { fromDays: -2, toDays: -1 }
export const notYetValid: Validity = { fromDays: 1, toDays: 2 }

/** What a certificate says. */
export interface CertificateOptions {
  /** The distinguished name: `CN=host, O=test`. */
  readonly subject: string
  /** Host names and addresses it is for. */
  readonly hosts?: readonly string[]
  /** What its key may be used for; default both. */
  readonly purposes?: readonly ('client' | 'server')[]
  readonly validity?: Validity
}

/** A certificate and its key, as PEM. */
export interface Identity {
  readonly certificate: X509Certificate
  readonly certificatePem: string
  readonly keyPem: string
}

const dates = ({ fromDays, toDays }: Validity) => ({
  notBefore: new Date(Date.now() + fromDays * DAY_MILLIS),
  notAfter: new Date(Date.now() + toDays * DAY_MILLIS),
})

const makeKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])

const keyPem = async (key: webcrypto.CryptoKey): Promise<string> => {
  const base64 = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${base64.replaceAll(/.{1,64}/g, '$&\n')}-----END PRIVATE KEY-----\n`
}

const identity = async (certificate: X509Certificate, key: webcrypto.CryptoKey): Promise<Identity> => ({
  certificate,
  certificatePem: `${certificate.toString('pem')}\n`,
  keyPem: await keyPem(key),
})

let serial = 0
const nextSerial = (): string => (++serial).toString(16).padStart(8, '0')

const isAddress = (host: string): boolean => /^[\d.]+$|:/.test(host)

const purposeOf = { client: ExtendedKeyUsage.clientAuth, server: ExtendedKeyUsage.serverAuth } as const

/** One that issues certificates and takes them back. */
export class Authority {
  readonly #identity: Identity
  readonly #keys: webcrypto.CryptoKeyPair

  private constructor(made: Identity, keys: webcrypto.CryptoKeyPair) {
    this.#identity = made
    this.#keys = keys
  }

  static async create(name: string, validity: Validity = valid): Promise<Authority> {
    const keys = await makeKeys()
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name: `CN=${name}`,
      ...dates(validity),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    })
    return new Authority(await identity(certificate, keys.privateKey), keys)
  }

  /** Its own certificate and key. */
  get identity(): Identity {
    return this.#identity
  }

  async issue({ subject, hosts = [], purposes = ['client', 'server'], validity = valid }: CertificateOptions) {
    const keys = await makeKeys()
    const names = hosts.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value }))
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(
        purposes.map((purpose) => purposeOf[purpose]),
        true,
      ),
    ]
    if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names))
    const certificate = await X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject,
      issuer: this.#identity.certificate.subject,
      ...dates(validity),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions,
    })
    return identity(certificate, keys.privateKey)
  }

  /** The list of certificates it has taken back, as PEM. */
  async revoke(...taken: readonly Identity[]): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.#identity.certificate.subject,
      thisUpdate: new Date(Date.now() - DAY_MILLIS),
      nextUpdate: new Date(Date.now() + DAY_MILLIS),
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      entries: taken.map(({ certificate }) => ({ serialNumber: certificate.serialNumber, revocationDate: new Date() })),
    })
    return `${list.toString('pem').replaceAll(/(BEGIN|END) (X509 )?CRL/g, '$1 X509 CRL')}\n`
  }
}

/** What a directory of credentials holds; what is not given is not there. */
export interface CredentialFiles {
  readonly ca?: Identity
  readonly server?: Identity
  readonly client?: Identity
  readonly crl?: string
}

/** Writes a directory of credentials; gives its path. */
export const writeCredentials = (directory: string, files: CredentialFiles): string => {
  mkdirSync(directory, { recursive: true })
  const write = (name: string, text: string | undefined): void => {
    if (text !== undefined) writeFileSync(join(directory, name), text)
  }
  write('ca-cert.pem', files.ca?.certificatePem)
  write('ca-crl.pem', files.crl)
  for (const side of ['server', 'client'] as const) {
    write(`${side}-cert.pem`, files[side]?.certificatePem)
    write(`${side}-key.pem`, files[side]?.keyPem)
  }
  return directory
}
