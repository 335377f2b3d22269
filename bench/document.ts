/**
 * Reading fields out of JSON that another program wrote. A field that is missing or of the wrong type is an error
 * that names the path, so that a changed program shows up as a sentence and not as `NaN` in a table.
 */

const fieldAt = (document: unknown, path: readonly string[]): unknown => {
  let value = document
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

const mismatch = (path: readonly string[], expected: string, found: unknown): Error =>
  new Error(`expected ${expected} at '${path.join('.')}', found ${JSON.stringify(found) ?? 'nothing'}`)

export const numberAt = (document: unknown, ...path: string[]): number => {
  const value = fieldAt(document, path)
  if (typeof value !== 'number') throw mismatch(path, 'a number', value)
  return value
}

export const optionalNumberAt = (document: unknown, ...path: string[]): number | undefined =>
  fieldAt(document, path) === undefined ? undefined : numberAt(document, ...path)

export const stringAt = (document: unknown, ...path: string[]): string => {
  const value = fieldAt(document, path)
  if (typeof value !== 'string') throw mismatch(path, 'a string', value)
  return value
}

export const optionalStringAt = (document: unknown, ...path: string[]): string | undefined =>
  fieldAt(document, path) === undefined ? undefined : stringAt(document, ...path)

export const booleanAt = (document: unknown, ...path: string[]): boolean => {
  const value = fieldAt(document, path)
  if (typeof value !== 'boolean') throw mismatch(path, 'a boolean', value)
  return value
}

export const listAt = (document: unknown, ...path: string[]): readonly unknown[] => {
  const value = fieldAt(document, path)
  if (!Array.isArray(value)) throw mismatch(path, 'a list', value)
  return value
}

export const has = (document: unknown, ...path: string[]): boolean => fieldAt(document, path) !== undefined
