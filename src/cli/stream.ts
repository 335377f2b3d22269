/** `switchover stream`: QEMU migration streams, recorded ones and live. */
import { Command } from 'effect/cli'
import { extract } from './stream/extract.ts'
import { inspect } from './stream/inspect.ts'
import { receive } from './stream/receive.ts'
import { relay } from './stream/relay.ts'
import { send } from './stream/send.ts'
import { verify } from './stream/verify.ts'

export const stream = Command.make('stream').pipe(
  Command.withDescription(
    'QEMU migration streams: look into recorded ones, hold them against memory; receive, send and relay live ones',
  ),
  Command.withSubcommands([inspect, verify, extract, receive, send, relay]),
)
