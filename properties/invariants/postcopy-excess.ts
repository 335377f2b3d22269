/** Part of I25: what nobody waits for keeps to the limit of postcopy, on the first channel and on those that follow. */
import type { Observation } from '../observation.ts'
import type { Violation } from '../property.ts'

/** A window's worth more, and a batch that was on its way. */
const SLACK_MILLIS = 200
const SLACK_BYTES = 16 * 1024
/** A page that was asked for, with its frame: it does not wait for anything. */
const REQUEST_BYTES = 4200

export const postcopyExcess = ({ postcopyRates = [], requests = [] }: Observation): readonly Violation[] =>
  postcopyRates
    .filter(({ limitBytesPerSecond }) => limitBytesPerSecond > 0)
    .flatMap(({ connection, bytes, millis, limitBytesPerSecond }) => {
      const asked = requests.filter((request) => request.connection === connection).length
      const allowed = (limitBytesPerSecond * (millis + SLACK_MILLIS)) / 1000 + asked * REQUEST_BYTES + SLACK_BYTES
      return bytes > allowed
        ? [`connection ${connection} carries ${bytes} bytes of postcopy in ${millis} ms, allowed are ${allowed}`]
        : []
    })
