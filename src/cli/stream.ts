/** `switchover stream`: QEMU migration streams, recorded ones and live. */
import { Command } from 'effect/cli'
import { extract } from './stream/extract.ts'
import { inspect } from './stream/inspect.ts'
import { receive } from './stream/receive.ts'
import { relay } from './stream/relay.ts'
import { verify } from './stream/verify.ts'

export const stream = Command.make('stream').pipe(
  Command.withDescription(
    'QEMU migration streams: look into recorded ones, hold them against memory; receive a live one, or stand between two QEMUs',
  ),
  Command.withSubcommands([inspect, verify, extract, receive, relay]),
)
