/**
 * A JSON number that QEMU keeps as a floating-point number although its value is whole (or too big for any): `1.0`, `1e3`,
 * `1e400`, an integer beyond 64 bits. JavaScript has one type of number, so the difference needs a value of its own: where
 * the schema wants an integer, such a number is refused.
 */

/** See the head of this file. A number with a fraction is an ordinary `number`; nothing mistakes it for an integer. */
export class JsonFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }

  toString(): string {
    return String(this.value)
  }

  toJSON(): number {
    return this.value
  }
}

/** The number of a JSON text as a floating-point number; marked where it would pass for an integer. */
export const floatOf = (value: number): number | JsonFloat =>
  Number.isInteger(value) || !Number.isFinite(value) ? new JsonFloat(value) : value
