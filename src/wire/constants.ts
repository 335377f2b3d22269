/**
 * The numbers of the migration stream: section types, RAM record flags, command and return-path types, and the limits
 * this codec puts on every length it reads. Sources: QEMU's docs/devel/migration.rst ("Stream structure"),
 * migration/savevm.h, migration/savevm.c, migration/ram.c and migration/migration.h of 2.11 and 7.2.
 */

/** First four bytes of a stream, "QEVM". */
export const STREAM_MAGIC = 0x5145564d

/** The only file version still read; 2 is an obsolete form that QEMU refuses too. */
export const STREAM_VERSION = 3

/** Bytes of a target page. All of x86 has 4 KiB, which leaves the low 12 bits of a RAM record header for flags. */
export const PAGE_BYTES = 4096

/** Type bytes of the framing (savevm.h, `QEMU_VM_*`). */
export const SECTION_EOF = 0x00
export const SECTION_START = 0x01
export const SECTION_PART = 0x02
export const SECTION_END = 0x03
export const SECTION_FULL = 0x04
export const SECTION_SUBSECTION = 0x05
export const SECTION_VM_DESCRIPTION = 0x06
export const SECTION_CONFIGURATION = 0x07
export const SECTION_COMMAND = 0x08
export const SECTION_FOOTER = 0x7e

/** Flags in the low 12 bits of a RAM record header (ram.c, `RAM_SAVE_FLAG_*`). */
export const RAM_ZERO = 0x002
export const RAM_MEM_SIZE = 0x004
export const RAM_PAGE = 0x008
export const RAM_EOS = 0x010
/** Modifier of a page record: the block is that of the previous page record, and no name follows. */
export const RAM_CONTINUE = 0x020
export const RAM_XBZRLE = 0x040
export const RAM_COMPRESS_PAGE = 0x100

/** The section that carries guest memory: always instance 0, version 4. */
export const RAM_IDSTR = 'ram'
export const RAM_INSTANCE = 0
export const RAM_VERSION = 4

/** Encoding byte of an XBZRLE record; 1 is the only one defined. */
export const XBZRLE_ENCODING = 1

/** What zlib's `compressBound` gives for one page: no valid compressed record is longer. */
export const COMPRESSED_BYTES_MAX = 4110

/** Command numbers, source to destination, that every version knows (savevm.c, `enum qemu_vm_cmd`). */
const FIRST_COMMANDS = {
  OPEN_RETURN_PATH: 1,
  PING: 2,
  POSTCOPY_ADVISE: 3,
  POSTCOPY_LISTEN: 4,
  POSTCOPY_RUN: 5,
  POSTCOPY_RAM_DISCARD: 6,
  PACKAGED: 7,
} as const

/**
 * Command numbers by the version that introduced them: 2.11 knows seven, 3.0 numbered its new ones from 8, and 3.1 put
 * ENABLE_COLO in front of those. The stream does not say which is meant; 3.1 holds for everything since.
 */
export const COMMAND_NUMBERS = {
  '2.11': FIRST_COMMANDS,
  '3.0': { ...FIRST_COMMANDS, POSTCOPY_RESUME: 8, RECV_BITMAP: 9 },
  '3.1': { ...FIRST_COMMANDS, ENABLE_COLO: 8, POSTCOPY_RESUME: 9, RECV_BITMAP: 10 },
} as const

export type CommandVersion = keyof typeof COMMAND_NUMBERS

/** Return-path message numbers, destination to source (migration.h, `enum mig_rp_message_type`). */
export const RETURN_PATH_NUMBER = {
  SHUT: 1,
  PONG: 2,
  REQ_PAGES_ID: 3,
  REQ_PAGES: 4,
  RECV_BITMAP: 5,
  RESUME_ACK: 6,
} as const

/** Longest return-path message body that QEMU's source accepts. */
export const RETURN_PATH_BYTES_MAX = 512

/** Closes the bulk data of a RECV_BITMAP reply (ram.c). */
export const BITMAP_END_MAGIC_HIGH = 0x01234567
export const BITMAP_END_MAGIC_LOW = 0x89abcdef

/** Longest single record a decoder asks its caller to hold: a COMMAND with a full 16-bit payload. */
export const RECORD_BYTES_MAX = 1 + 2 + 2 + 0xffff

/** Longest RAM record: header, block name, page. */
export const RAM_RECORD_BYTES_MAX = 8 + 1 + 255 + PAGE_BYTES

/** Our own limits on what a stream may claim; each is a default that the decoder's options can change. */
export const BLOCK_COUNT_MAX = 4096
export const DEVICE_COUNT_MAX = 16384
export const DEVICE_BYTES_MAX = 64 * 1024 * 1024
export const TAIL_BYTES_MAX = 256 * 1024 * 1024
/** Ten times what a guest with 255 processors and 500 devices has; parsed, JSON takes up to fifty times its length. */
export const VM_DESCRIPTION_BYTES_MAX = 16 * 1024 * 1024
export const PACKAGE_BYTES_MAX = 256 * 1024 * 1024
export const BITMAP_BYTES_MAX = 256 * 1024 * 1024
export const MACHINE_NAME_BYTES_MAX = 255
export const CAPABILITY_COUNT_MAX = 128
