/**
 * The fields of a device section, by its VM description (QEMU's migration/vmstate.c, `vmsd_desc_field_start`): where each
 * stands in the payload, how long it is, and its value where that is a number. Descends into structs and subsections.
 */

/** One field, or one array of them, of a payload. */
export interface DeviceField {
  /** Names from the outside in: `irq_state[2].level`, `pci/pci.config`. */
  readonly path: string
  /** The type as the description has it: `uint32`, `buffer`, `struct`. */
  readonly type: string
  /** Place in the payload, and bytes of all elements. */
  readonly offset: number
  readonly size: number
  /** Elements, where it is an array. */
  readonly count?: number
  /** A number or truth value, or the elements of an array of them. */
  readonly value?: bigint | boolean | readonly bigint[]
}

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const records = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isRecord) : [])
const numberOf = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '?')

const NESTING_MAX = 64
/** Elements of an array whose values are given. */
const VALUES_MAX = 64

const NUMBER_BYTES = new Set([1, 2, 4, 8])

/** A big-endian number, as all but a few fields of QEMU are. */
function readNumber(bytes: Uint8Array, at: number, size: number, isSigned: boolean): bigint {
  let value = 0n
  for (let index = at; index < at + size; index++) value = (value << 8n) | BigInt(bytes[index]!)
  return isSigned ? BigInt.asIntN(size * 8, value) : value
}

function valueOf(type: string, bytes: Uint8Array, at: number, size: number, count: number): DeviceField['value'] {
  const isNumber = /^(u?int\d+( equal| le)?|timer)$/.test(type) && NUMBER_BYTES.has(size)
  if (count === 1 && type === 'bool' && size === 1) return bytes[at] !== 0
  if (!isNumber || count > VALUES_MAX) return undefined
  const isSigned = !type.startsWith('u')
  if (count === 1) return readNumber(bytes, at, size, isSigned)
  return Array.from({ length: count }, (_unused, index) => readNumber(bytes, at + index * size, size, isSigned))
}

/** Walks one payload. What lies outside of it, or nests too deep, is left out. */
class Walk {
  readonly fields: DeviceField[] = []
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Fields and subsections of a device or struct; returns the offset behind them. */
  description(json: Json, path: string, start: number, depth: number): number {
    let at = start
    for (const field of records(json['fields'])) at = this.#field(field, path, at, depth)
    for (const subsection of records(json['subsections'])) {
      const name = textOf(subsection['vmsd_name'])
      at = this.description(subsection, `${name}/`, at + 1 + 1 + name.length + 4, depth + 1)
    }
    return at
  }

  #field(json: Json, path: string, at: number, depth: number): number {
    const type = textOf(json['type'])
    const size = numberOf(json['size'], 0)
    const count = numberOf(json['array_len'], 1)
    const end = at + size * count
    if (end > this.#bytes.length || depth > NESTING_MAX) return end
    const index = json['index']
    const name = `${path}${textOf(json['name'])}${typeof index === 'number' ? `[${index}]` : ''}`
    const { struct } = json
    const known = this.fields.length
    if (isRecord(struct) && size > 0) {
      for (let element = 0; element < count; element++) {
        const label = count === 1 ? name : `${name}[${element}]`
        if (this.description(struct, `${label}.`, at + element * size, depth + 1) === at + (element + 1) * size)
          continue
        // The description of what is nested does not add up: the struct is shown as one piece.
        this.fields.length = known
        break
      }
      if (this.fields.length > known) return end
    }
    const value = valueOf(type, this.#bytes, at, size, count)
    this.fields.push({
      path: name,
      type,
      offset: at,
      size: size * count,
      ...(count === 1 ? {} : { count }),
      ...(value === undefined ? {} : { value }),
    })
    return end
  }
}

/**
 * The fields of the device at position `index` of a VM description's `devices` (the parsed JSON, as
 * `VmDescription.json`), whose payload is `payload`.
 */
export function deviceFields(description: unknown, index: number, payload: Uint8Array): readonly DeviceField[] {
  const device = isRecord(description) ? records(description['devices'])[index] : undefined
  if (device === undefined) return []
  const walk = new Walk(payload)
  walk.description(device, '', 0, 0)
  return walk.fields
}
