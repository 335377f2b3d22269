/** One line that holds a sequence, so that it can be carried out again whatever becomes of the generator. */
import type { QuirkId } from '../../machines/index.ts'
import type { Sequence } from './step.ts'

/** What a token holds. */
export interface SequenceToken {
  /** `differential`, or the name of a defect. */
  readonly property: string
  readonly sequence: Sequence
  readonly flipped: readonly QuirkId[]
}

const PREFIX = 'switchover-check:qemu:'

const toBase64Url = (text: string): string => btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
const fromBase64Url = (text: string): string => atob(text.replaceAll('-', '+').replaceAll('_', '/'))

/** The token as a line without a blank. */
export const formatSequenceToken = (token: SequenceToken): string =>
  PREFIX + toBase64Url(encodeURIComponent(JSON.stringify(token)).replaceAll('%22', "'").replaceAll('%2C', ','))

/** Reads a token back, out of a line of other text too; undefined if there is none. */
export const parseSequenceToken = (text: string): SequenceToken | undefined => {
  const [, body] = /switchover-check:qemu:([\w-]+)/.exec(text) ?? []
  if (body === undefined) return undefined
  try {
    const json = decodeURIComponent(fromBase64Url(body).replaceAll("'", '%22'))
    const token: unknown = JSON.parse(json)
    return typeof token === 'object' && token !== null && 'sequence' in token && 'property' in token
      ? (token as SequenceToken)
      : undefined
  } catch {
    return undefined
  }
}
