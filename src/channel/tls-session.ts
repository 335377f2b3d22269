/**
 * The TLS session of a channel: the handshake, and what each side wants to know of the other. As in QEMU, TLS begins with the
 * first byte of the channel. Node is told not to judge by itself, so that what is wrong can be said in QEMU's words.
 */
import { constants, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { Duplex } from 'node:stream'
import { checkServerIdentity, connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { Effect } from 'effect'
import { ChannelError } from './byte-link.ts'
import { letRead, type OpenedChannel } from './opened-channel.ts'
import { systemCode } from './system-error.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** How long a handshake may take, by default. QEMU sets no limit, and its monitor is dead meanwhile (bug B7). */
export const HANDSHAKE_MILLIS = 10_000

const refused = (text: string, code = 'EACCES'): ChannelError => new ChannelError('', code, text)

const handshakeTexts: Readonly<Record<string, string>> = {
  ECONNRESET: 'The TLS connection was non-properly terminated.',
  EPIPE: 'The TLS connection was non-properly terminated.',
  EPROTO: 'An unexpected TLS packet was received.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'An unexpected TLS packet was received.',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'An unexpected TLS packet was received.',
  ERR_SSL_HTTP_REQUEST: 'An unexpected TLS packet was received.',
  ERR_SSL_NO_SHARED_CIPHER: 'No supported cipher suites have been found.',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'A packet with illegal or unsupported version was received.',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'The peer has not answered in time.',
}

const handshakeFailed = (error: unknown): ChannelError => {
  const code = systemCode(error)
  const isAlert = /ALERT/.test(code)
  const own = error instanceof Error ? error.message : String(error)
  const text = handshakeTexts[code] ?? (isAlert ? `A TLS fatal alert has been received (${code}).` : own)
  return new ChannelError('TLS handshake failed', code, text)
}

/** What OpenSSL says of a chain, as QEMU words it. */
const verdicts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'The certificate has expired',
  CERT_NOT_YET_VALID: 'The certificate is not yet activated',
  CERT_REVOKED: 'The certificate has been revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: "The certificate hasn't got a known issuer",
  SELF_SIGNED_CERT_IN_CHAIN: "The certificate hasn't got a known issuer",
  UNABLE_TO_GET_ISSUER_CERT: "The certificate hasn't got a known issuer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "The certificate hasn't got a known issuer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "The certificate hasn't got a known issuer",
  CA_KEY_TOO_SMALL: 'The certificate uses an insecure algorithm',
  CA_MD_TOO_WEAK: 'The certificate uses an insecure algorithm',
  EE_KEY_TOO_SMALL: 'The certificate uses an insecure algorithm',
}

/** Node 24 gives the peer's certificate once, and nothing when it is asked again. */
const certificateOf = (socket: TLSSocket): X509Certificate | undefined => socket.getPeerX509Certificate()

/** What is wrong with the chain of the peer's certificate; nothing where all is well. */
const problemOfChain = (
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
  peer: 'client' | 'server',
): string | undefined => {
  if (certificate === undefined) return 'Verify failed: No certificate was found.'
  if (socket.authorized) return undefined
  const code = String(socket.authorizationError)
  if (code === 'INVALID_PURPOSE') return `Certificate purpose does not allow use with a TLS ${peer}`
  return verdicts[code] ?? `The certificate is not trusted (${code})`
}

const problemOfServer = (socket: TLSSocket, hostname: string): string | undefined => {
  const certificate = certificateOf(socket)
  const problem = problemOfChain(socket, certificate, 'server')
  if (problem !== undefined) return problem
  if (hostname === '') return 'No hostname for certificate validation'
  const isItsName =
    certificate !== undefined && checkServerIdentity(hostname, certificate.toLegacyObject()) === undefined
  return isItsName ? undefined : `Certificate does not match the hostname ${hostname}`
}

/** A distinguished name in one line, as GnuTLS gives it: `CN=source,O=test`. */
const inOneLine = (subject: string): string =>
  subject
    .split('\n')
    .map((part) => part.replaceAll(/[,+"\\<>;]/g, String.raw`\$&`))
    .join(',')

const problemOfClient = (socket: TLSSocket, authorized: string | undefined): string | undefined => {
  const certificate = certificateOf(socket)
  const problem = problemOfChain(socket, certificate, 'client')
  if (problem !== undefined || authorized === undefined) return problem
  const name = inOneLine(certificate?.subject ?? '')
  return name === authorized ? undefined : `TLS x509 authz check for ${name} is denied`
}

const contextOf = ({ ca, certificate, key, crl, dhParameters }: TlsCredentials): SecureContextOptions => ({
  ca,
  minVersion: 'TLSv1.2',
  ...(certificate === undefined ? {} : { cert: certificate }),
  ...(key === undefined ? {} : { key }),
  ...(crl === undefined ? {} : { crl }),
  ...(dhParameters === undefined ? {} : { dhparam: dhParameters }),
})

/**
 * A server of TLS 1.3 sends tickets for later sessions behind the handshake, which Node cannot be kept from. A QEMU that sends
 * a guest without a way back never reads them, and closes: the system then resets the connection, and what it had still to
 * send is lost, although that QEMU says that it is done. TLS 1.2 has no such thing.
 */
const withoutTickets = {
  maxVersion: 'TLSv1.2',
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const

/** Both directions of a channel as one stream. */
const duplexOf = ({ input, output }: OpenedChannel): Effect.Effect<Duplex, ChannelError> => {
  if (input === undefined || output === undefined)
    return Effect.fail(refused('TLS needs a channel with two directions; this one is a pipe or a file', 'ENOTSUP'))
  if (input === output) return Effect.succeed(input)
  letRead(input)
  return Effect.succeed(Duplex.from({ readable: input, writable: output }))
}

/** Done when the handshake is; the socket is destroyed where it fails, or is given up. */
const secured = (
  millis: number,
  start: (succeed: (socket: TLSSocket) => void, fail: (error: Error) => void) => { readonly destroy: () => unknown },
): Effect.Effect<TLSSocket, ChannelError> =>
  Effect.callback<TLSSocket, ChannelError>((resume) => {
    const late = setTimeout(() => fail(Object.assign(new Error(), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' })), millis)
    const fail = (error: Error): void => {
      clearTimeout(late)
      begun.destroy()
      resume(Effect.fail(handshakeFailed(error)))
    }
    const begun = start((socket) => {
      clearTimeout(late)
      resume(Effect.succeed(socket))
    }, fail)
    return Effect.sync(() => {
      clearTimeout(late)
      begun.destroy()
    })
  })

const orDestroy = (socket: TLSSocket, problem: string | undefined): Effect.Effect<TLSSocket, ChannelError> => {
  if (problem === undefined) return Effect.succeed(socket)
  socket.destroy()
  return Effect.fail(refused(problem))
}

/** The side that sends a guest. `hostname` is whom the certificate of the other has to be for. */
export const clientSession = (
  channel: OpenedChannel,
  credentials: TlsCredentials,
  hostname: string,
  handshakeMillis: number,
): Effect.Effect<TLSSocket, ChannelError> =>
  Effect.gen(function* () {
    const duplex = yield* duplexOf(channel)
    const socket = yield* secured(handshakeMillis, (succeed, fail) => {
      const begun = connect({
        ...contextOf(credentials),
        socket: duplex,
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        // An address is no name that a server could be asked for.
        ...(hostname === '' || isIP(hostname) !== 0 ? {} : { servername: hostname }),
      })
      return begun.once('secureConnect', () => succeed(begun)).on('error', fail)
    })
    return yield* orDestroy(socket, credentials.verifyPeer ? problemOfServer(socket, hostname) : undefined)
  })

/** The side that receives one. `authorized` is the one client that may, by its distinguished name; without it any may. */
export const serverSession = (
  channel: OpenedChannel,
  credentials: TlsCredentials,
  authorized: string | undefined,
  handshakeMillis: number,
): Effect.Effect<TLSSocket, ChannelError> =>
  Effect.gen(function* () {
    const duplex = yield* duplexOf(channel)
    const socket = yield* secured(handshakeMillis, (succeed, fail) => {
      // Never listens: it is only handed this one connection.
      const server = createServer({
        ...contextOf(credentials),
        ...withoutTickets,
        requestCert: credentials.verifyPeer,
        rejectUnauthorized: false,
      })
      server.once('secureConnection', (made) => succeed(made.on('error', () => {})))
      server.once('tlsClientError', fail)
      server.emit('connection', duplex)
      return duplex
    })
    return yield* orDestroy(socket, credentials.verifyPeer ? problemOfClient(socket, authorized) : undefined)
  })
