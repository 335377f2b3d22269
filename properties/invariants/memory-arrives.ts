/** I15 and I16: no write of the guest is ever lost, neither on the way nor at home. */
import { linesOf } from '../observation.ts'
import type { Property } from '../property.ts'

const named = (pages: readonly string[]): string =>
  `${pages.slice(0, 4).join(', ')}${pages.length > 4 ? ` and ${pages.length - 4} more` : ''}`

export const memoryArrives: Property = {
  id: 'I15',
  title: 'memory arrives',
  text: 'A guest that arrives has the memory that its source stopped with, page by page; and wherever the guest is, its memory is what the guest itself computes.',
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
  id: 'I16',
  title: 'no lost writes',
  text: 'A page that is written after it was read is sent again: a page that the sender holds for clean is, byte for byte, what the wire last carried.',
  check: (observation) =>
    linesOf(observation, 'stale').map(
      ({ party, atMillis, pages }) =>
        `${party} holds at ${atMillis} ms pages for sent that were written since: ${named(pages)}`,
    ),
}
