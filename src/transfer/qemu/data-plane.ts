/** The data plane of a process whose peer is a QEMU: engines as fibers on this thread. */
import { Effect, Layer } from 'effect'
import { Transport } from '../../channel/transport.ts'
import type { MultifdMethodName } from '../../wire/index.ts'
import { DataPlane } from '../data-plane.ts'
import { engines, fiberDataPlaneOf, runEngine } from '../fiber-data-plane.ts'
import type { OutgoingOrder } from '../order.ts'
import { CapturedSender, type CapturedSenderOptions } from './captured-sender.ts'
import { QemuIncomingEngine, type QemuIncomingOptions } from './incoming-engine.ts'

/** Receives into memory of its own making, whatever memory the process's guest has. */
export const qemuIncomingPlane = (options: Omit<QemuIncomingOptions, 'report'>): Layer.Layer<DataPlane> =>
  fiberDataPlaneOf({
    ...engines,
    incoming: ({ report }) => new QemuIncomingEngine({ ...options, report }),
  })

export interface QemuOutgoingOptions extends Pick<
  CapturedSenderOptions,
  'configuration' | 'devices' | 'compressLevel' | 'postcopy'
> {
  /** Connections beside the main one, to the same address: multifd. */
  readonly multifd?: { readonly uri: string; readonly channels: number; readonly method: MultifdMethodName }
}

/** Sends a captured guest. */
export const qemuOutgoingPlane = ({
  multifd,
  ...options
}: QemuOutgoingOptions): Layer.Layer<DataPlane, never, Transport> =>
  Layer.effect(
    DataPlane,
    Effect.gen(function* () {
      const transport = yield* Transport
      const plane = DataPlane.of({
        ready: Effect.void,
        outgoing: (connection, memory, report) =>
          Effect.gen(function* () {
            const links = []
            for (let channel = 0; channel < (multifd?.channels ?? 0); channel++) {
              const { link } = yield* transport.connect(multifd?.uri ?? '', { returnPath: true })
              links.push(link)
            }
            const channels = multifd === undefined ? {} : { channels: { links, method: multifd.method } }
            return yield* runEngine<OutgoingOrder>(
              new CapturedSender({ ...options, ...channels, memory, report }),
              connection,
            )
          }).pipe(
            Effect.catch((error) => {
              report({ type: 'outgoing.failed', reason: error.message, side: 'channel' })
              return Effect.succeed({ order: () => {}, over: Effect.void })
            }),
          ),
        incoming: () => Effect.die(new Error('this data plane sends')),
      })
      return plane
    }),
  )
