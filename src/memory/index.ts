/**
 * Guest memory and guests, with no notion of migration: RAM blocks, dirty bitmaps, page kernels, guests. Needs nothing of
 * Node; what reads files or uses its cryptography is in `node.ts`.
 */
export * from './difference.ts'
export * from './dirty-bitmap.ts'
export * from './guest.ts'
export * from './guest-memory.ts'
export * from './guest-output.ts'
export * from './fault-times.ts'
export * from './guest-spec.ts'
export * from './memory-error.ts'
export * from './missing-pages.ts'
export * from './page-cache.ts'
export * from './page-fates.ts'
export { isZeroPage, pagesEqual, zeroTester } from './page.ts'
export * from './page-copy.ts'
export * from './ram-block.ts'
export * from './recorded-guest.ts'
export * from './size.ts'
export * from './writing-guest.ts'
