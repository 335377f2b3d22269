/** The parts of guest memory that need Node: digests and the loading of recordings. */
export { sha256 } from './digest.ts'
export * from './recording.ts'
