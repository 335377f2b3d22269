/** Text with one JSON value a line, or several in a row, as sockets carry it. */

export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value, or undefined where the text is no JSON. */
export const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Where the JSON object that begins at `from` ends; undefined if the text ends first. */
const endOfObject = (text: string, from: number): number | undefined => {
  let depth = 0
  let quoted = false
  for (let at = from; at < text.length; at++) {
    const each = text[at]
    if (quoted) {
      if (each === '\\') at++
      else if (each === '"') quoted = false
    } else if (each === '"') quoted = true
    else if (each === '{') depth++
    else if (each === '}' && --depth === 0) return at + 1
  }
  return undefined
}

/** The JSON objects in a text that has other things between them, and what is begun at its end and goes on elsewhere. */
export const takeObjects = (text: string): { readonly objects: readonly Fields[]; readonly rest: string } => {
  const objects: Fields[] = []
  let at = text.indexOf('{')
  for (; at >= 0; at = text.indexOf('{', at)) {
    const end = endOfObject(text, at)
    if (end === undefined) return { objects, rest: text.slice(at) }
    const value = parseJson(text.slice(at, end))
    if (isFields(value)) objects.push(value)
    at = end
  }
  return { objects, rest: '' }
}
