/**
 * The zero test and the comparison of pages as AssemblyScript, for WebAssembly SIMD: what the runtime's own comparison of
 * two ranges has to beat. Compiled when the benchmark runs. Addresses are bytes in the module's memory.
 */

const PAGE_BYTES: usize = 4096

/** Whether the page at `at` is all zero. */
export function isZero(at: usize): bool {
  const end = at + PAGE_BYTES
  for (; at < end; at += 128) {
    const first = v128.or(v128.or(v128.load(at), v128.load(at, 16)), v128.or(v128.load(at, 32), v128.load(at, 48)))
    const second = v128.or(
      v128.or(v128.load(at, 64), v128.load(at, 80)),
      v128.or(v128.load(at, 96), v128.load(at, 112)),
    )
    if (v128.any_true(v128.or(first, second))) return false
  }
  return true
}

/** Whether the pages at `a` and `b` are equal. */
export function equal(a: usize, b: usize): bool {
  const end = a + PAGE_BYTES
  for (; a < end; a += 64, b += 64) {
    const first = v128.or(v128.xor(v128.load(a), v128.load(b)), v128.xor(v128.load(a, 16), v128.load(b, 16)))
    const second = v128.or(v128.xor(v128.load(a, 32), v128.load(b, 32)), v128.xor(v128.load(a, 48), v128.load(b, 48)))
    if (v128.any_true(v128.or(first, second))) return false
  }
  return true
}
