/** Objects that a manager has given a process with `object-add`: what the core has to know of them. */

/** One of them, by its type in QEMU's object model. */
export type StoredObject =
  | { readonly type: 'tls-creds-x509'; readonly endpoint: 'client' | 'server'; readonly verifyPeer: boolean }
  /** Lets in the one client with this distinguished name: parameter `tls-authz` of 7.2. */
  | { readonly type: 'authz-simple'; readonly identity: string }

/** By id. */
export type StoredObjects = Readonly<Record<string, StoredObject>>

/** The types, in the order of their names. */
export const objectTypes = ['authz-simple', 'tls-creds-x509'] as const

/** A type that an object can have here. */
export type ObjectType = (typeof objectTypes)[number]
