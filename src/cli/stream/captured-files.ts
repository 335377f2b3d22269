/**
 * A captured guest on disk: a directory with its RAM blocks as sparse files, its devices as they came, and a document that
 * says what is what. `stream receive` writes one, `stream send` reads it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Schema } from 'effect'
import { PageFiles } from './page-files.ts'

const RAM_DIRECTORY = 'ram'
const DEVICES_FILE = 'devices.bin'
const DOCUMENT_FILE = 'guest.json'

/** What the document holds. */
export const CapturedDocument = Schema.Struct({
  /** Versioned machine type; absent for one too old to say. */
  machine: Schema.optionalKey(Schema.String),
  runState: Schema.String,
  blocks: Schema.Array(
    Schema.Struct({ name: Schema.String, usedLength: Schema.Number, /** In the directory. */ file: Schema.String }),
  ),
  devices: Schema.String,
})

export type CapturedDocument = typeof CapturedDocument.Type

export class CapturedFiles {
  readonly directory: string
  readonly memory: PageFiles

  /** A new one. @throws Error if the directory cannot be made, or holds one already */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true })
    mkdirSync(join(directory, RAM_DIRECTORY))
    this.memory = new PageFiles(join(directory, RAM_DIRECTORY))
  }

  /** Everything has come. */
  finish(machine: string | undefined, runState: string, devices: Uint8Array): CapturedDocument {
    const document: CapturedDocument = {
      ...(machine === undefined ? {} : { machine }),
      runState,
      blocks: this.memory.files.map(({ block, path }) => ({
        name: block.name,
        usedLength: block.usedLength,
        file: path.slice(this.directory.length + 1),
      })),
      devices: DEVICES_FILE,
    }
    writeFileSync(join(this.directory, DEVICES_FILE), devices)
    writeFileSync(join(this.directory, DOCUMENT_FILE), `${JSON.stringify(document, undefined, 2)}\n`)
    return document
  }
}

/** The document of a captured guest. @throws Error if there is none, or it is none */
export const readCaptured = (directory: string): CapturedDocument =>
  Schema.decodeUnknownSync(CapturedDocument)(JSON.parse(readFileSync(join(directory, DOCUMENT_FILE), 'utf8')))
