/** The benchmarks there are. A new one is a file beside `transfer.ts` and an entry here. */

import type { Contender } from './contender.ts'
import { answers } from './answers.ts'
import { colo } from './colo.ts'
import { double } from './double.ts'
import { kernels } from './kernels.ts'
import { linuxLog } from './linux-log.ts'
import { multifd } from './multifd.ts'
import { relay } from './relay.ts'
import type { Result } from './series.ts'
import { sparse } from './sparse.ts'
import { stream } from './stream.ts'
import { tls } from './tls.ts'
import { transfer } from './transfer.ts'

export interface Benchmark {
  readonly name: string
  /** One line for `--help`. */
  readonly summary: string
  /** Guest RAM unless told otherwise, as `--size` takes it; 1G where it is left out. */
  readonly size?: string
  /** In the order in which they run and are printed. */
  readonly contenders: readonly Contender[]
  /** Prints results in a way of its own. */
  readonly render?: (results: readonly Result[]) => string
}

export const benchmarks: readonly Benchmark[] = [
  transfer,
  multifd,
  stream,
  relay,
  tls,
  kernels,
  linuxLog,
  double,
  colo,
  answers,
  sparse,
]
