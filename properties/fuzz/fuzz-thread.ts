/** The thread of a campaign: runs cases of one subject and tells which one it is at, in case it never gets past it. */
import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './fuzz.ts'
import { migrationSubject } from './subject.ts'
import { syntheticSubjects } from './synthetic.ts'

/** A recording, or the name of a synthetic subject. */
export interface SubjectSource {
  readonly name: string
  readonly inputs?: readonly Uint8Array[]
}

/** Cases for one thread. */
export interface FuzzJob {
  readonly source: SubjectSource
  readonly seed: number
  readonly first: number
  readonly cases: number
  /** Number of the case that is being decoded, and of those begun. */
  readonly progress: SharedArrayBuffer
}

export const subjectOf = ({ name, inputs }: SubjectSource) => {
  if (inputs !== undefined) return migrationSubject(name, inputs)
  const subject = syntheticSubjects().find((each) => each.name === name)
  if (subject === undefined) throw new Error(`there is no subject ${name}`)
  return subject
}

if (parentPort !== null) {
  const { source, seed, first, cases, progress }: FuzzJob = workerData
  const cells = new Int32Array(progress)
  const onCase = (number: number): void => {
    Atomics.store(cells, 0, number)
    Atomics.add(cells, 1, 1)
  }
  parentPort.postMessage(fuzz(subjectOf(source), { seed, first, cases, onCase }))
}
