/** Identifiers for other languages: what a name says in letters, digits and underscores, and never the same twice. */

/** Gives identifiers; `reserved` are words of the language. */
export class Names {
  readonly #given = new Set<string>()
  readonly #prefix: string

  constructor(reserved: readonly string[] = [], prefix = '') {
    this.#prefix = prefix
    for (const word of reserved) this.#given.add(word)
  }

  /** An identifier that says the name. */
  give(name: string): string {
    const plain = name.replaceAll(/\W+/g, '_').replace(/^(\d|_)/, 'x$1')
    for (let count = 1; ; count++) {
      const made = `${this.#prefix}${plain}${count === 1 ? '' : `_${count}`}`
      if (this.#given.has(made)) continue
      this.#given.add(made)
      return made
    }
  }
}
