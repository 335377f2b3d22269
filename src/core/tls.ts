/**
 * TLS of a channel: which credentials, for which host, and why it cannot be. QEMU finds out when the channel stands and fails
 * the run; a run that cannot succeed is not begun here. Source: `tls-creds`, `tls-hostname` of the schema, `tls-authz` of 7.2.
 */
import type { Profile } from '../../machines/index.ts'
import type { ConnectTlsParameters, ListenTlsParameters } from './intent.ts'
import type { Parameters } from './parameters.ts'
import type { StoredObjects } from './stored-object.ts'
import { parseUri } from './uri.ts'
import * as wording from './wording.ts'

/** What of a core it depends on. */
export interface TlsState {
  readonly profile: Profile
  readonly parameters: Parameters
  readonly objects: StoredObjects
}

const text = (parameters: Parameters, name: string): string => {
  const value = parameters[name]
  return typeof value === 'string' ? value : ''
}

/** Parameter `tls-hostname`, or the host of the URI. A unix socket, a command and a descriptor have none. */
const hostnameOf = ({ parameters }: TlsState, uri: string): string => {
  const address = parseUri(uri)
  return text(parameters, 'tls-hostname') || (address?.transport === 'tcp' ? address.host : '')
}

/** Why a channel cannot have the TLS that the parameters ask for; undefined where it can, or none is asked for. */
export const tlsProblem = (state: TlsState, endpoint: 'client' | 'server', uri: string): string | undefined => {
  const id = text(state.parameters, 'tls-creds')
  if (id === '') return undefined
  const credentials = state.objects[id]
  if (credentials === undefined) return wording.noCredentials(id)
  if (credentials.type !== 'tls-creds-x509') return wording.notCredentials(id)
  if (credentials.endpoint !== endpoint) return wording.otherEndpoint(endpoint)
  if (endpoint === 'server') return authorizationProblem(state)
  return credentials.verifyPeer && hostnameOf(state, uri) === '' ? wording.noHostname(state.profile) : undefined
}

const authorizationProblem = ({ parameters, objects }: TlsState): string | undefined => {
  const id = text(parameters, 'tls-authz')
  return id === '' || objects[id]?.type === 'authz-simple' ? undefined : wording.noAuthorization(id)
}

/** The TLS of a channel that is to be opened, if any. */
export const connectTls = (state: TlsState, uri: string): { readonly tls?: ConnectTlsParameters } => {
  const credentials = text(state.parameters, 'tls-creds')
  return credentials === '' ? {} : { tls: { credentials, hostname: hostnameOf(state, uri) } }
}

/** The TLS of channels that are to be taken, if any. */
export const listenTls = ({ parameters, objects }: TlsState): { readonly tls?: ListenTlsParameters } => {
  const credentials = text(parameters, 'tls-creds')
  if (credentials === '') return {}
  const authorization = objects[text(parameters, 'tls-authz')]
  return authorization?.type === 'authz-simple'
    ? { tls: { credentials, authorized: authorization.identity } }
    : { tls: { credentials } }
}
