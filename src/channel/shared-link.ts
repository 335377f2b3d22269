/** A link that can be given to another thread: plain data, of which a link is made there. */
import type { ByteLink } from './byte-link.ts'
import { descriptorLink, type Descriptors } from './descriptor-link.ts'
import { ringLink, type SharedRings } from './ring-link.ts'

/** Descriptors of the system, or rings that the TLS thread serves. */
export type SharedLink =
  | ({ readonly kind: 'descriptors' } & { readonly descriptors: Descriptors })
  | ({ readonly kind: 'rings' } & SharedRings)

/** Of a connection that no other thread can use: one that is broken there. */
export const NO_LINK: SharedLink = { kind: 'descriptors', descriptors: { in: -1, out: -1, kind: 'file' } }

/** The link. It belongs to whoever gave the data away, who keeps what is behind it open as long as it is used. */
export const linkOf = (shared: SharedLink): ByteLink =>
  shared.kind === 'rings' ? ringLink(shared) : descriptorLink(shared.descriptors)
