/**
 * What the charts do not model, as data: a scenario that uses it is not judged, and says why. The list is meant to stay
 * short; everything that is not on it is held against the charts.
 */
import type { CommandObservation, Observations } from './observation.ts'

/** Something that no chart knows. */
export interface Uncovered {
  readonly reason: string
  /** The line that shows it; undefined where the recording does not use it. */
  readonly usedAt: (observations: Observations) => number | undefined
}

const commandAt = (observations: Observations, holds: (command: CommandObservation) => boolean): number | undefined =>
  observations.list.find((one) => one.kind === 'command' && holds(one))?.line

const turnsOn = ({ name, arguments: info }: CommandObservation, capability: string): boolean =>
  name === 'migrate-set-capabilities' &&
  Array.isArray(info['capabilities']) &&
  info['capabilities'].some(
    (item: unknown) =>
      typeof item === 'object' &&
      item !== null &&
      'capability' in item &&
      item.capability === capability &&
      'state' in item &&
      item.state === true,
  )

/** All that is not covered. */
export const uncovered: readonly Uncovered[] = [
  {
    reason: 'savevm and loadvm write and read whole snapshots past the migration’s commands and overwrite its status',
    usedAt: (observations) =>
      commandAt(
        observations,
        ({ name, arguments: info }) =>
          name === 'human-monitor-command' && /^\s*(savevm|loadvm)\b/.test(String(info['command-line'])),
      ),
  },
  {
    reason: 'background-snapshot (since 6.0) stops and starts the guest in an order of its own',
    usedAt: (observations) => {
      const set = commandAt(
        observations,
        (command) => command.reply?.ok === true && turnsOn(command, 'background-snapshot'),
      )
      const used = commandAt(
        observations,
        ({ name, line, reply }) => name === 'migrate' && line > (set ?? 0) && reply?.ok === true,
      )
      return set === undefined ? undefined : used
    },
  },
  {
    reason: 'text was sent that is no JSON: one line can have several replies, and they cannot be told apart',
    usedAt: (observations) => observations.garbledAt,
  },
]
