/** `switchover stream`: QEMU migration streams, recorded ones and live. */
import { Command } from 'effect/cli'
import { extract } from './stream/extract.ts'
import { inspect } from './stream/inspect.ts'
import { verify } from './stream/verify.ts'

export const stream = Command.make('stream').pipe(
  Command.withDescription('Look into QEMU migration streams, hold them against memory, take the memory out'),
  Command.withSubcommands([inspect, verify, extract]),
)
