/** One line that names a failing run: enough to make exactly that run again. */

/**
 * What can be run again: the pair of cores, a pair of them in lock-step, one core in a storm of facts, the processes, and a
 * pair of those in lock-step.
 */
export type Suite = (typeof suites)[number]

const suites = ['core', 'colo', 'storm', 'runtime', 'lock-step'] as const

/** What a token holds. */
export interface ReplayToken {
  readonly suite: Suite
  readonly seed: number
  /** fast-check's path to the shrunk case. */
  readonly path?: string
  /** fast-check's record of which commands of the case were carried out. */
  readonly replayPath?: string
  /** The property it is about: `I7`. */
  readonly only?: string
}

const PREFIX = 'switchover-check'

/**
 * The token as a line without a blank.
 *
 * @example
 * formatReplayToken({ suite: 'runtime', seed: 7, path: '3:0:1' }) // 'switchover-check:runtime:seed=7:path=3.0.1'
 */
export const formatReplayToken = ({ suite, seed, path, replayPath, only }: ReplayToken): string =>
  [
    PREFIX,
    suite,
    `seed=${seed}`,
    ...(path === undefined ? [] : [`path=${path.replaceAll(':', '.')}`]),
    ...(replayPath === undefined ? [] : [`replay=${replayPath.replaceAll(':', '.')}`]),
    ...(only === undefined ? [] : [`only=${only}`]),
  ].join(':')

/** Reads a token back, out of a line of other text too; undefined if there is none. */
export const parseReplayToken = (text: string): ReplayToken | undefined => {
  const [, name, rest = ''] = /switchover-check:([\w-]+):(\S+)/.exec(text) ?? []
  const fields = new Map(
    rest.split(':').map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)] as const),
  )
  const suite = suites.find((each) => each === name)
  const seed = Number(fields.get('seed') || Number.NaN)
  if (suite === undefined || !Number.isSafeInteger(seed)) return undefined
  const path = fields.get('path')?.replaceAll('.', ':')
  const replayPath = fields.get('replay')?.replaceAll('.', ':')
  const only = fields.get('only')
  return {
    suite,
    seed,
    ...(path === undefined ? {} : { path }),
    ...(replayPath === undefined ? {} : { replayPath }),
    ...(only === undefined ? {} : { only }),
  }
}
