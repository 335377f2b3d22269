/** QMP on Node: the server to embed, the client, and what both are made of. */
export { BadQmpAddress, parseQmpAddress, type QmpAddress } from './address.ts'
export {
  connectClient,
  eventOf,
  QmpBroken,
  QmpRefusal,
  QmpTimedOut,
  type ClientOptions,
  type ExecuteOptions,
  type QmpClient,
  type QmpDuplex,
  type QmpEvent,
  type Tap,
} from './client.ts'
export { knownCommands, knownEvents, qmpSchema } from './introspection.ts'
export { JsonFloat, JsonReader, type JsonItem, type JsonLimits, type JsonReaderOptions } from './json-reader.ts'
export { encodeLine, type JsonObject } from './message.ts'
export { peerReturns, type PeerArguments, type PeerReturn } from './peer-returns.ts'
export { QmpListenFailed, QmpServer, qmpServer, type QmpServerHandle, type QmpServerOptions } from './server.ts'
export { openSession, type ExtraCommands, type Session, type SessionOptions, type SessionRefusal } from './session.ts'
export {
  connectSocketClient,
  QmpConnectFailed,
  withReconnect,
  type ConnectError,
  type SocketClientOptions,
} from './socket-client.ts'
