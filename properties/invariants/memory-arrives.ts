/** I15 to I18: no write of the guest is lost: neither on the way nor at home, nor by a difference to something else, nor by an older copy. */
import { invariant } from '../../machines/index.ts'
import { linesOf } from '../observation.ts'
import type { Property } from '../property.ts'

const named = (pages: readonly string[]): string =>
  `${pages.slice(0, 4).join(', ')}${pages.length > 4 ? ` and ${pages.length - 4} more` : ''}`

export const memoryArrives: Property = {
  ...invariant('I15'),
  check: (observation) => [
    ...linesOf(observation, 'arrival')
      .filter(({ differing }) => differing.length > 0)
      .map(
        ({ party, atMillis, differing }) => `${party} starts at ${atMillis} ms with other pages: ${named(differing)}`,
      ),
    ...observation.end.parties
      .filter(({ wrongPages }) => wrongPages !== undefined && wrongPages.length > 0)
      .map(({ party, wrongPages = [] }) => `${party} holds pages that its guest did not write: ${named(wrongPages)}`),
  ],
}

export const noLostWrites: Property = {
  ...invariant('I16'),
  check: (observation) =>
    linesOf(observation, 'stale').map(
      ({ party, atMillis, pages }) =>
        `${party} holds at ${atMillis} ms pages for sent that were written since: ${named(pages)}`,
    ),
}

export const sharedCopies: Property = {
  ...invariant('I17'),
  check: (observation) =>
    linesOf(observation, 'misremembered').map(
      ({ party, atMillis, pages }) =>
        `${party} holds at ${atMillis} ms copies of pages that its destination does not have: ${named(pages)}`,
    ),
}

export const neverOvertaken: Property = {
  ...invariant('I18'),
  check: (observation) =>
    linesOf(observation, 'arrival')
      .filter(({ overtaken }) => overtaken.length > 0)
      .map(
        ({ party, atMillis, overtaken }) =>
          `${party} is about to run the guest at ${atMillis} ms with pages that the wire carried otherwise last: ${named(overtaken)}`,
      ),
}
