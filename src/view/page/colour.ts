/** Which colour stands for what; each comes with a word or a shape, so that none is needed to understand the page. */
import type { MomentKind } from '../time-line.ts'

/** The custom property of a status's colour. */
export const statusColour = (status: string): string => {
  switch (status) {
    case 'setup':
    case 'wait-unplug':
      return '--status-setup'
    case 'active':
      return '--status-active'
    case 'pre-switchover':
    case 'device':
    case 'finish-migrate':
      return '--status-switchover'
    case 'postcopy-active':
    case 'postcopy-recover':
    case 'postcopy-paused':
      return '--status-postcopy'
    case 'colo':
      return '--status-colo'
    case 'completed':
    case 'running':
    case 'held':
      return '--status-good'
    case 'failed':
    case 'io-error':
    case 'internal-error':
      return '--status-bad'
    case 'cancelling':
    case 'cancelled':
      return '--status-cancel'
    default:
      return '--status-idle'
  }
}

/** The value of a custom property, for a canvas. */
export const colourValue = (property: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(property).trim()

/** The custom property of the colour of a message. */
export const kindColour = (kind: MomentKind): string => {
  switch (kind) {
    case 'command':
      return '--kind-command'
    case 'event':
      return '--kind-event'
    case 'refusal':
      return '--status-bad'
    default:
      return '--muted'
  }
}
