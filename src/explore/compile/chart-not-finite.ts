/** The chart has something that an automaton of integers cannot have. Says where, what was expected and what was found. */
export class ChartNotFinite extends Error {
  override readonly name = 'ChartNotFinite'
  readonly _tag = 'ChartNotFinite'
  readonly where: string
  readonly expected: string
  readonly found: string
  constructor(where: string, expected: string, found: string) {
    super(`${where}: expected ${expected}, found ${found}`)
    this.where = where
    this.expected = expected
    this.found = found
  }
}
