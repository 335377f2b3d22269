/**
 * I20: a page fault is asked for once on each channel, and again on a new one; it ends, when its page has come; and what was
 * missing is missing until then. That it is the right page is I15.
 */
import { invariant } from '../../machines/index.ts'
import type { Observation, PartyEnd } from '../observation.ts'
import type { Property, Violation } from '../property.ts'
import { incomingStatus } from '../state-view.ts'

const askedTwice = ({ requests = [] }: Observation): readonly Violation[] => {
  const seen = new Set<string>()
  return requests.flatMap(({ connection, page }) => {
    const key = `${connection}:${page}`
    if (seen.has(key)) return [`page ${page} is asked for twice on connection ${connection}`]
    seen.add(key)
    return []
  })
}

/** What was asked for on a channel that broke is lost: whoever waits is forgotten, unless it is asked for again. */
const notAskedAgain = ({ requests = [], resumptions = [] }: Observation): readonly Violation[] =>
  resumptions.flatMap(({ connection, outstanding }) =>
    outstanding
      .filter((page) => !requests.some((request) => request.connection === connection && request.page === page))
      .map((page) => `page ${page} is not asked for again on connection ${connection}`),
  )

const notEnded = ({ party, faults, state, running }: PartyEnd): readonly Violation[] => {
  if (faults === undefined || incomingStatus(state) !== 'completed') return []
  const { noted, ended, missing, outstanding } = faults
  return [
    ...(missing > 0 ? [`${party} has all of its guest, and ${missing} pages of it are missing`] : []),
    ...(outstanding.length > 0 ? [`${party} waits for ${outstanding.join(', ')} for ever`] : []),
    ...(running && noted !== ended ? [`${party} had ${noted} faults, of which ${ended} have ended`] : []),
  ]
}

/** A fault that is not asked for is answered late at best. */
const notAsked = ({ requests, end }: Observation): readonly Violation[] => {
  if (requests === undefined) return []
  const asked = new Set(requests.map(({ page }) => page)).size
  const parties = end.parties.filter(
    ({ faults, state }) => faults !== undefined && incomingStatus(state) === 'completed',
  )
  const noted = parties.reduce((sum, { faults }) => sum + (faults?.noted ?? 0), 0)
  return asked < noted ? [`${noted} faults, and ${asked} pages that were asked for`] : []
}

export const faultsAnswered: Property = {
  ...invariant('I20'),
  check: (observation) => [
    ...askedTwice(observation),
    ...notAskedAgain(observation),
    ...observation.end.parties.flatMap(notEnded),
    ...notAsked(observation),
  ],
}
