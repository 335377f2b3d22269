/** A link over two rings: the end of a connection whose other end is an event loop in another thread. */
import { ChannelError, type ByteLink } from './byte-link.ts'
import { ByteRing, type SharedByteRing } from './byte-ring.ts'

/** The rings of a connection, seen from the side that moves pages. */
export interface SharedRings {
  readonly in: SharedByteRing
  readonly out: SharedByteRing
}

const check = (action: 'read from' | 'write to', ring: ByteRing): void => {
  if (ring.isBroken) throw new ChannelError(`Unable to ${action} TLS channel`, 'EIO', ring.reason)
}

/** See the head of this file. */
export const ringLink = (shared: SharedRings): ByteLink => {
  const ringIn = new ByteRing(shared.in)
  const ringOut = new ByteRing(shared.out)
  return {
    writev: (views) => {
      check('write to', ringOut)
      let count = 0
      for (const view of views) {
        const put = ringOut.put(view)
        count += put
        if (put < view.length) break
      }
      if (count > 0) ringOut.wake()
      return count
    },
    read: (buffer, start, end) => {
      const count = ringIn.take(buffer, start, end)
      if (count > 0) return count
      check('read from', ringIn)
      return ringIn.isFinished && ringIn.length === 0 ? -1 : 0
    },
    endWrites: () => ringOut.finish(),
  }
}
