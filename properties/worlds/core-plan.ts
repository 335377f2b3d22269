/** How the cores of a world are started. */
export interface CorePlan {
  readonly profile: '2.11' | '7.2'
  readonly pause: boolean
  /** The capability is on, and every migration is asked to go on to postcopy as soon as it can. */
  readonly postcopy: boolean
  /** The source is told that a destination is dead, when it is. */
  readonly fence: boolean
  /** False: the channel has no way back, as a pipe into a command. */
  readonly returnPath: boolean
  /** The source is started with -S. Default false. */
  readonly paused?: boolean
  /** The capability is on: every migration goes on in lock-step. */
  readonly colo: boolean
}

/** The plainest world. */
export const defaultCorePlan: CorePlan = {
  profile: '2.11',
  pause: false,
  postcopy: false,
  fence: false,
  returnPath: true,
  colo: false,
}
