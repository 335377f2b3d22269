/**
 * The typed errors of guest memory and of guests. Each carries a `_tag` (so `Effect.catchTag` and a plain `switch` both
 * work), what was expected and what was found, as text. They are plain classes and not Effect schemas, because worker
 * threads load this folder for every channel and should not load a framework to learn that an offset is wrong.
 */

abstract class ExpectationError extends Error {
  abstract readonly _tag: string
  /** What would have been accepted. */
  readonly expected: string
  /** What was there instead. */
  readonly found: string

  constructor(subject: string, expected: string, found: string, options?: ErrorOptions) {
    super(`${subject}: expected ${expected}, found ${found}`, options)
    this.expected = expected
    this.found = found
  }
}

/** A page number or a byte range that does not lie inside its block, bitmap or memory. Nothing was read or written. */
export class MemoryRangeError extends ExpectationError {
  readonly _tag = 'MemoryRangeError'
  override readonly name = 'MemoryRangeError'
}

/** A name, size or shape that guest memory cannot have, or two memories whose shapes should agree and do not. */
export class MemoryShapeError extends ExpectationError {
  readonly _tag = 'MemoryShapeError'
  override readonly name = 'MemoryShapeError'
}

/** An option of a guest outside its range, or a guest driven past what it can do. The guest is unchanged. */
export class GuestOptionError extends ExpectationError {
  readonly _tag = 'GuestOptionError'
  override readonly name = 'GuestOptionError'
}

/** A saved guest state that this guest cannot load. The guest is unchanged. */
export class GuestStateError extends ExpectationError {
  readonly _tag = 'GuestStateError'
  override readonly name = 'GuestStateError'
}

/** A size that is no number of bytes with an optional K, M, G or T. */
export class SizeError extends ExpectationError {
  readonly _tag = 'SizeError'
  override readonly name = 'SizeError'
}

/** A guest option (`write:...`, `image:...`) that cannot be read. */
export class GuestSpecError extends ExpectationError {
  readonly _tag = 'GuestSpecError'
  override readonly name = 'GuestSpecError'
}

/** A recorded guest that cannot be loaded: a file missing, not xz, damaged, of the wrong size or of other contents. */
export class RecordingError extends ExpectationError {
  readonly _tag = 'RecordingError'
  override readonly name = 'RecordingError'
}
