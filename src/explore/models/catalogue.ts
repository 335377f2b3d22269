/** The models by name, and which of them are explored with which bounds as a matter of course. */
import type { Profile } from '../../../machines/index.ts'
import type { Model } from '../model/language.ts'
import { destinationModel, guestModel, imagesModel, incomingModel, outgoingModel, processModel } from './open.ts'
import { pairModel, type PairCapabilities, type PairOptions } from './pair.ts'
import { twoPhaseCommit } from './two-phase-commit.ts'

/** A model that can be asked for by name. What does not apply to it is ignored. */
export interface NamedModel {
  readonly name: string
  readonly about: string
  readonly make: (options: PairOptions) => Model
}

/** All of them. */
export const models: readonly NamedModel[] = [
  { name: 'outgoing', about: 'MigrationStatus of the source, told everything in any order', make: outgoingModel },
  { name: 'incoming', about: 'MigrationStatus of the destination, the same', make: incomingModel },
  { name: 'guest', about: 'the run state of a guest, the same', make: guestModel },
  { name: 'images', about: 'the image locks, the same', make: imagesModel },
  { name: 'process', about: 'one process that sends its guest, the same', make: processModel },
  { name: 'destination', about: 'one process that receives a guest, the same', make: destinationModel },
  {
    name: 'pair',
    about: 'source, destination, channel, operator, faults; with --capabilities colo in lock-step',
    make: pairModel,
  },
  {
    name: 'two-runs',
    about: 'the pair with a second destination, so that runs follow one another',
    make: (options) => ({ ...pairModel({ ...options, destinations: 2 }), name: 'two-runs' }),
  },
  { name: 'two-phase-commit', about: 'what the explorer itself is tested with', make: () => twoPhaseCommit(5) },
]

/** The model of a name. */
export const modelOf = (name: string): NamedModel | undefined => models.find((model) => model.name === name)

/** A model with its bounds. */
export interface BoundedModel {
  readonly model: string
  /** The bounds in short; with the model's name it is a name of its own. */
  readonly label: string
  readonly options: PairOptions
}

/** The capabilities of a pair in lock-step, and nothing else. */
export const lockStep: readonly PairCapabilities[] = [{ pause: false, postcopy: false, colo: true }]

const bounded = (
  model: string,
  label: string,
  options: PairOptions = {},
  profiles: readonly Profile[] = ['2.11', '7.2'],
): readonly BoundedModel[] =>
  profiles.map((profile) => ({
    model,
    label: [profile, label].filter((each) => each !== '').join(', '),
    options: { ...options, profile },
  }))

/** What is explored as a matter of course: every model, and all but the largest in both profiles. */
export const explored: readonly BoundedModel[] = [
  ...['outgoing', 'incoming', 'guest', 'images', 'process', 'destination'].flatMap((name) => bounded(name, '')),
  ...bounded('pair', ''),
  ...bounded('pair', '2 faults, fence', { faults: 2, fence: true }),
  ...bounded('pair', 'no way back', { returnPath: false }),
  ...bounded('pair', 'guest', { guest: true }),
  ...bounded('pair', 'lock-step', { capabilities: lockStep }),
  ...bounded('pair', 'lock-step, fence', { capabilities: lockStep, fence: true }, ['7.2']),
  ...bounded('two-runs', '', {}, ['2.11']),
  { model: 'two-phase-commit', label: '5 managers', options: {} },
]
