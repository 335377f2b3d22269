/**
 * The iterable sections of one stream: what START has opened, and which decoder reads its payload (QEMU's
 * migration/savevm.c, `qemu_loadvm_section_start_full` and `qemu_loadvm_section_part_end`). Section ids are free, and
 * learnt from START.
 */
import { RAM_IDSTR, RAM_VERSION } from './constants.ts'
import { BLOCK_IDSTR, BLOCK_VERSION, BlockDecoder } from './block-record.ts'
import { DIRTY_BITMAP_IDSTR, DIRTY_BITMAP_VERSION, DirtyBitmapDecoder } from './dirty-bitmap-record.ts'
import type { PayloadDecoder } from './payload-decoder.ts'
import type { RamDecoder } from './ram-decoder.ts'
import type { Section } from './section.ts'
import { StreamError, hex } from './stream-error.ts'
import type { StreamSink } from './stream-sink.ts'

/** What may be iterated over; instance 0 of each, of one version. */
const VERSIONS = {
  [RAM_IDSTR]: RAM_VERSION,
  [BLOCK_IDSTR]: BLOCK_VERSION,
  [DIRTY_BITMAP_IDSTR]: DIRTY_BITMAP_VERSION,
} as const

export type IterableName = keyof typeof VERSIONS

/** One iterable section. */
export interface IterableSection {
  readonly section: Section
  readonly payload: PayloadDecoder
}

export class IterableSections {
  readonly #decoders: ReadonlyMap<string, PayloadDecoder>
  readonly #opened: IterableSection[] = []

  /** Accepts the sections named in `wanted`; `ram` reads those of guest memory. */
  constructor(sink: StreamSink, ram: RamDecoder, wanted: readonly IterableName[]) {
    const makers = {
      [RAM_IDSTR]: () => ram,
      [BLOCK_IDSTR]: () => new BlockDecoder((record) => sink.block(record)),
      [DIRTY_BITMAP_IDSTR]: () => new DirtyBitmapDecoder((record) => sink.dirtyBitmap(record)),
    }
    this.#decoders = new Map(wanted.map((name) => [name, makers[name]()]))
  }

  /** Take START of a section whose header ends at stream offset `behind`. Throws StreamError for one that is not wanted. */
  start(section: Section, at: number, behind: number): IterableSection {
    const { id, idstr, instance, version } = section
    const payload = this.#decoders.get(idstr)
    if (payload === undefined || instance !== 0) {
      const known = `${[...this.#decoders.keys()].join(', ')} instance 0`
      throw new StreamError(at, 'Unknown iterable section', known, `${idstr} instance ${instance}`)
    }
    const expected = VERSIONS[idstr as IterableName]
    if (version !== expected) {
      throw new StreamError(behind - 4, `Unsupported version of ${idstr}`, `${expected}`, `${version}`)
    }
    const earlier = this.#opened.find((other) => other.payload === payload || other.section.id === id)
    if (earlier === undefined) {
      const opened = { section, payload }
      this.#opened.push(opened)
      return opened
    }
    if (earlier.section.id === id && earlier.payload === payload) return earlier
    throw new StreamError(at + 1, `Second section id for ${idstr}`, hex(earlier.section.id), hex(id))
  }

  /** The section of PART or END. Throws StreamError if no START has named it. */
  get(id: number, at: number): IterableSection {
    const found = this.#opened.find(({ section }) => section.id === id)
    if (found !== undefined) return found
    const known = this.#opened.map(({ section }) => hex(section.id)).join(' or ') || 'a START first'
    throw new StreamError(at, `Unknown savevm section ${hex(id)}`, known, hex(id))
  }

  /** A new connection continues a broken one. */
  forget(): void {
    for (const payload of this.#decoders.values()) {
      payload.forget()
      payload.ended = false
    }
  }
}
