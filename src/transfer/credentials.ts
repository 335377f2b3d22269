/** The TLS credentials of a process: loaded when the core says so, and handed to the channels that are to have them. */
import { Effect, Schema } from 'effect'
import { loadTlsCredentials, type TlsCredentials } from '../channel/tls-credentials.ts'
import type { ConnectTls, ListenTls } from '../channel/transport.ts'
import type { ConnectTlsParameters, CredentialsOptions, ListenTlsParameters } from '../core/index.ts'

/** They cannot be used; the reason is QEMU's. */
export class CredentialsRefused extends Schema.TaggedError<CredentialsRefused>('CredentialsRefused')(
  'CredentialsRefused',
  { reason: Schema.String },
) {
  override get message(): string {
    return this.reason
  }
}

/** See the head of this file. */
export class Credentials {
  readonly #loaded = new Map<string, TlsCredentials>()

  /** A handful of small files, read at once. */
  load(id: string, options: CredentialsOptions): Effect.Effect<void, CredentialsRefused> {
    return Effect.try({
      try: () => void this.#loaded.set(id, loadTlsCredentials(options)),
      catch: (error) => new CredentialsRefused({ reason: error instanceof Error ? error.message : String(error) }),
    })
  }

  forget(id: string): void {
    this.#loaded.delete(id)
  }

  /** The TLS of a channel that is opened; nothing where none is asked for. */
  toConnect(parameters: ConnectTlsParameters | undefined): { readonly tls?: ConnectTls } {
    if (parameters === undefined) return {}
    return { tls: { credentials: this.#get(parameters.credentials), hostname: parameters.hostname } }
  }

  /** The TLS of channels that are taken; nothing where none is asked for. */
  toListen(
    parameters: ListenTlsParameters | undefined,
    turnedAway: (reason: string) => void,
  ): { readonly tls?: ListenTls } {
    if (parameters === undefined) return {}
    const { authorized } = parameters
    return {
      tls: {
        credentials: this.#get(parameters.credentials),
        turnedAway,
        ...(authorized === undefined ? {} : { authorized }),
      },
    }
  }

  /** The core names none that it has not been told are there. */
  #get(id: string): TlsCredentials {
    const credentials = this.#loaded.get(id)
    if (credentials === undefined) throw new TypeError(`expected credentials that are loaded, found ${id}`)
    return credentials
  }
}
