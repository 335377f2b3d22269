/** What a live page and its server tell each other. */

/** A message of a QMP session as a line of a recording. */
export interface LiveMessage {
  readonly party: string
  readonly line: string
}

/** Where a page finds its live process: written into the page by the server. */
export interface LiveSource {
  /** Names as in a scenario: `src`, `dst`. */
  readonly parties: readonly string[]
  /** The path of the server, with its secret; ends with a slash. */
  readonly path: string
}
