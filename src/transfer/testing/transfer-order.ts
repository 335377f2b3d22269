/** The order that begins a run, with everything that a test does not care about filled in. */
import type { TransferMethods, TransferParameters } from '../../core/intent.ts'
import type { OutgoingOrder } from '../order.ts'

/** No limit, and nothing but plain and zero pages. */
export const plainParameters: TransferParameters = {
  maxBandwidth: 0,
  downtimeLimitMillis: 300,
  xbzrleCacheBytes: 64 * 2 ** 20,
  compressLevel: 1,
  compressThreads: 2,
  compressWaitThread: true,
  multifdPageCount: 128,
  multifdLevel: 1,
}

export const setupOrder = (
  parameters: Partial<TransferParameters> = {},
  methods: Partial<TransferMethods> = {},
): Extract<OutgoingOrder, { type: 'setup' }> => ({
  type: 'setup',
  parameters: { ...plainParameters, ...parameters },
  methods: { xbzrle: false, compress: false, ...methods },
  returnPath: true,
  identity: new Uint8Array(16),
})
