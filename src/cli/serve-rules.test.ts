/**
 * The rules of QMP, row by row, on real sockets: two `switchover serve` processes (2.11 over tcp, 7.2 over unix, each with
 * every quirk of its QEMU), and the live QEMU 7.2 where there is one, which has to pass the same rows.
 */
import { once } from 'node:events'
import { join } from 'node:path'
import { Effect, Schedule } from 'effect'
import t, { type Test } from 'tap'
import type { Profile } from '../../machines/index.ts'
import { withReconnect } from '../qmp/socket-client.ts'
import { LineClient } from '../qmp/testing/line-client.ts'
import { isJsonObject } from '../qmp/message.ts'
import { qemuMissing, qemuVersion, startQemu } from '../qmp/testing/qemu.ts'
import { effectTest, scratchDirectory } from '../qmp/testing/served.ts'
import { serve } from './testing/serving.ts'

/** A server that is held to the rules. */
interface Server {
  readonly profile: Profile
  readonly address: string
  readonly isOurs: boolean
}

interface Rule {
  readonly name: string
  readonly holds: (t: Test, server: Server) => Promise<unknown>
  /** Why it is not asked of a QEMU. */
  readonly onlyOurs?: string
}

const notFound = (desc: string) => ({ error: { class: 'CommandNotFound', desc } })
const generic = (desc: string) => ({ error: { class: 'GenericError', desc } })
const status = { execute: 'query-status' }
const expecting = notFound("Expecting capabilities negotiation with 'qmp_capabilities'")

/** A session of its own, negotiated or not; it is over when the body is. */
const session = async (
  { address }: Server,
  body: (client: LineClient) => Promise<unknown>,
  enable?: readonly string[] | 'nothing',
): Promise<void> => {
  const client = await LineClient.connect(address)
  try {
    if (enable !== 'nothing') {
      await client.next()
      await client.ask({
        execute: 'qmp_capabilities',
        ...(enable === undefined ? {} : { arguments: { enable } }),
      })
    }
    await body(client)
  } finally {
    await client.close()
  }
}

/** The answer to a message, past whatever else is said before it. */
const answerTo = async (client: LineClient, id: string): Promise<unknown> => {
  for (;;) {
    const message = await client.next()
    if (message === undefined || (isJsonObject(message) && message['id'] === id)) return message
  }
}

/** What a server answers to input that is asked for without an id. */
const first = async (client: LineClient, bytes: string | Uint8Array): Promise<unknown> => {
  client.send(bytes)
  return client.next()
}

const greets: Rule = {
  name: 'greeting: version, package, capabilities by version',
  holds: (t, server) =>
    session(
      server,
      async (client) => {
        const line = (await client.line()) ?? ''
        const capabilities = server.profile === '7.2' ? '\\["oob"\\]' : '\\[\\]'
        t.match(
          line,
          new RegExp(
            `^\\{"QMP": \\{"version": \\{"qemu": \\{"micro": \\d+, "minor": \\d+, "major": \\d+\\}, "package": "[^"]+"\\}, "capabilities": ${capabilities}\\}\\}$`,
          ),
        )
      },
      'nothing',
    ),
}

const framing: readonly Rule[] = [
  {
    name: 'framing: a value a line, CRLF, ASCII with escapes',
    holds: (t, server) =>
      session(server, async (client) => {
        client.send('{"execute": "query-name", "id": "é😀\\u007f"}\n')
        const line = (await client.line()) ?? ''
        t.match(line, /"id": "\\u00E9\\uD83D\\uDE00\\u007F"\}$/)
      }),
  },
  {
    name: 'framing: white space anywhere, cut anywhere, several at once, single quotes, no end of line',
    holds: (t, server) =>
      session(server, async (client) => {
        const request = Buffer.from(`\r\n\t {'execute' :\n"query-status", 'id': 'cut'} `)
        for (let cut = 1; cut < request.length; cut += 5) {
          client.send(request.subarray(0, cut))
          await new Promise((resolve) => setImmediate(resolve))
          client.send(request.subarray(cut))
          t.match(await client.next(), { id: 'cut' }, `cut at ${cut}`)
        }
        client.send('{"execute":"query-name","id":1}{"execute":"query-name","id":2} {"execute":"query-name","id":3}')
        for (const id of [1, 2, 3]) t.match(await client.next(), { id })
      }),
  },
  {
    name: 'framing: 0xFF or a control byte resets the reader, whatever it was in',
    holds: (t, server) =>
      session(server, async (client) => {
        for (const broken of ['{"execute": ["a', '{"a', "{'", '[[[[', '\x01', '\xff\xff', '{"execute": "query-name"'])
          for (const reset of ['\xff', '\x01\xff'])
            await t.resolveMatch(
              (async () => {
                client.send(Buffer.from(`${broken}${reset}\n`, 'latin1'))
                client.send(`{"execute": "query-status", "id": "again"}\n`)
                return answerTo(client, 'again')
              })(),
              { id: 'again', return: { running: false } },
            )
      }),
  },
  {
    name: 'framing: 64 KiB of anything, then half a line, then the end: the next client is served',
    holds: async (t, server) => {
      const bytes = Uint8Array.from({ length: 65_536 }, (_, index) => (index * 2_654_435_761) >>> 24)
      const rude = await LineClient.connect(server.address)
      rude.send(bytes)
      rude.send('{"execute": "sto')
      await rude.close()
      await session(server, async (client) => t.match(await client.ask(status), { return: { running: false } }))
    },
  },
  {
    name: 'framing: a line of 10 MiB',
    onlyOurs: 'QEMU takes a minute and a half for it',
    holds: (t, server) =>
      session(server, async (client) => {
        const id = 'x'.repeat(10 << 20)
        client.send(`{"execute": "query-name", "id": "${id}"}\n`)
        const answer = await client.next()
        t.ok(isJsonObject(answer) && answer['id'] === id)
      }),
  },
]

const negotiation: readonly Rule[] = [
  {
    name: 'negotiation: before it no command is known; after it, it is over; the next session begins anew',
    holds: async (t, server) => {
      for (let round = 0; round < 2; round++)
        await session(
          server,
          async (client) => {
            await client.next()
            t.same(await client.ask(status), expecting)
            t.same(await client.ask({ execute: 'nope' }), expecting)
            t.same(await client.ask({ execute: 'qmp_capabilities' }), { return: {} })
            t.same(
              await client.ask({ execute: 'qmp_capabilities' }),
              notFound('Capabilities negotiation is already complete, command ignored'),
            )
          },
          'nothing',
        )
    },
  },
  {
    name: 'negotiation: what can be enabled',
    holds: (t, server) =>
      session(
        server,
        async (client) => {
          await client.next()
          const enable = (names: unknown) => client.ask({ execute: 'qmp_capabilities', arguments: { enable: names } })
          if (server.profile === '2.11') t.same(await enable(['oob']), generic("Parameter 'enable' is unexpected"))
          else {
            t.same(await enable(['nosuch']), generic("Parameter 'null' does not accept value 'nosuch'"))
            t.same(await enable('oob'), generic("Invalid parameter type for 'enable', expected: array"))
            t.same(await enable(['oob']), { return: {} })
          }
        },
        'nothing',
      ),
  },
  {
    name: 'negotiation: whoever does not wait for the greeting is answered behind it',
    holds: (t, server) =>
      session(
        server,
        async (client) => {
          client.send('{"execute": "qmp_capabilities"}\r\n')
          t.match(await client.next(), { QMP: {} })
          t.same(await client.next(), { return: {} })
        },
        'nothing',
      ),
  },
]

const ids: readonly Rule[] = [
  {
    name: 'id: any value comes back; first in an error, last in a success; none where the input was never read so far',
    holds: (t, server) =>
      session(server, async (client) => {
        for (const id of ['libvirt-12', 7, -1, null, true, [1, [2]], { a: { b: [] } }, '']) {
          client.send(`${JSON.stringify({ execute: 'query-name', id })}\n`)
          const answer = (await client.next()) as object
          t.same(Object.keys(answer), ['return', 'id'])
          t.same((answer as { id: unknown }).id, id)
          client.send(`${JSON.stringify({ id, execute: 'nope' })}\n`)
          t.same(Object.keys((await client.next()) as object), ['id', 'error'])
        }
        t.notOk('id' in ((await first(client, '{"id": 1, nope}\n')) as object))
      }),
  },
  {
    name: 'order: in-band answers come in the order of their requests',
    holds: (t, server) =>
      session(server, async (client) => {
        const numbers = Array.from({ length: 200 }, (_, index) => index)
        const execute = ['query-status', 'query-name', 'nope', 'query-migrate', 'query-version']
        client.send(numbers.map((id) => `${JSON.stringify({ execute: execute[id % execute.length], id })}\n`).join(''))
        const seen: unknown[] = []
        while (seen.length < numbers.length) seen.push(((await client.next()) as { id: unknown }).id)
        t.same(seen, numbers)
      }),
  },
  {
    name: 'order: exec-oob where it is enabled, and only for what allows it',
    holds: async (t, server) => {
      await session(server, async (client) => {
        const unexpected = generic("QMP input member 'exec-oob' is unexpected")
        t.same(await client.ask({ 'exec-oob': 'migrate-pause' }), unexpected)
      })
      if (server.profile === '7.2')
        await session(
          server,
          async (client) => {
            t.same(
              await client.ask({ 'exec-oob': 'query-migrate' }),
              generic('The command query-migrate does not support OOB'),
            )
            t.same(await client.ask({ 'exec-oob': 'nope' }), notFound('The command nope has not been found'))
            t.same(
              await client.ask({ 'exec-oob': 'migrate-pause' }),
              generic('migrate-pause is currently only supported during postcopy-active state'),
            )
          },
          ['oob'],
        )
    },
  },
]

/** What is asked, and what the two versions answer; a text alone is a GenericError. The second one where they differ. */
const wordings: readonly (readonly [request: object | string, old: object | string, recent?: object | string])[] = [
  [{ execute: 'nope' }, notFound('The command nope has not been found')],
  [{ execute: 'migrate', arguments: { uri: 'tcp:h:1', zzz: 1 } }, "Parameter 'zzz' is unexpected"],
  [{ execute: 'migrate', arguments: {} }, "Parameter 'uri' is missing"],
  [
    { execute: 'migrate-set-parameters', arguments: { 'cpu-throttle-initial': 'x' } },
    "Invalid parameter type for 'cpu-throttle-initial', expected: integer",
    "Parameter 'cpu-throttle-initial' expects uint64",
  ],
  [
    { execute: 'migrate-set-parameters', arguments: { 'cpu-throttle-initial': 100 } },
    "Parameter 'cpu_throttle_initial' expects an integer in the range of 1 to 99",
  ],
  [
    { execute: 'migrate-set-parameters', arguments: { 'downtime-limit': 2000001 } },
    "Parameter 'downtime_limit' expects an integer in the range of 0 to 2000000 milliseconds",
    "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms",
  ],
  [
    { execute: 'migrate-set-parameters', arguments: { 'x-checkpoint-delay': -1 } },
    "Parameter 'x_checkpoint_delay' expects is invalid, it should be positive",
    "Parameter 'x-checkpoint-delay' expects uint32_t",
  ],
  [{ execute: 'migrate-continue', arguments: { state: 'active' } }, 'Migration not in expected state: none'],
  [{ execute: 'migrate_cancel' }, { return: {} }],
  [{ execute: 'migrate-start-postcopy' }, 'Enable postcopy with migrate_set_capability before the start of migration'],
  [
    { execute: 'migrate-incoming', arguments: { uri: 'tcp:127.0.0.1:0' } },
    "For use with '-incoming defer'",
    "'-incoming' was not specified on the command line",
  ],
  [{ execute: 'xen-colo-do-checkpoint' }, { return: {} }],
  [{ execute: 'x-colo-lost-heartbeat' }, "The feature 'colo' is not enabled"],
  [{ execute: 'stop', bogus: 1 }, "QMP input member 'bogus' is unexpected"],
  [{ execute: 7 }, "QMP input member 'execute' must be a string"],
  [{ execute: 'stop', arguments: [] }, "QMP input member 'arguments' must be an object"],
  [{ id: 1 }, { id: 1, error: { class: 'GenericError', desc: "QMP input lacks member 'execute'" } }],
  ['[]\n', 'QMP input must be a JSON object'],
  ['nope\n', "JSON parse error, invalid keyword 'nope'"],
  [
    { execute: 'client_migrate_info', arguments: { protocol: 'spice', hostname: 'h', port: 1 } },
    { error: { class: 'DeviceNotActive', desc: 'SPICE is not in use' } },
  ],
  [
    { execute: 'migrate_set_speed', arguments: { value: 1_000_000 } },
    { return: {} },
    notFound('The command migrate_set_speed has not been found'),
  ],
  // The last one: it leaves its mark (quirk q6).
  [{ execute: 'migrate', arguments: { uri: 'bogus:1' } }, "Parameter 'uri' expects a valid migration protocol"],
]

const answers: readonly Rule[] = [
  {
    name: 'checks and errors: class and text, before anything comes of it',
    holds: (t, server) =>
      session(server, async (client) => {
        t.same(await client.ask({ execute: 'query-migrate' }), { return: {} }, 'nothing has been asked for yet')
        for (const [request, old, recent = old] of wordings) {
          const wanted = server.profile === '2.11' ? old : recent
          t.same(
            await client.ask(request),
            typeof wanted === 'string' ? generic(wanted) : wanted,
            JSON.stringify(request),
          )
        }
        t.same(await client.ask({ execute: 'query-migrate' }), { return: { status: 'failed' } }, 'without error-desc')
        t.match(await client.ask(status), { return: { running: false, status: 'prelaunch' } }, 'no stop took effect')
      }),
  },
  {
    name: 'introspection: version, commands, events, name; every command is in the schema, in one line',
    holds: (t, server) =>
      session(server, async (client) => {
        const value = async (execute: string) => ((await client.ask({ execute })) as { return: unknown }).return
        const { qemu } = (await value('query-version')) as { qemu: { major: number; minor: number } }
        t.equal(`${qemu.major}.${qemu.minor}`, server.profile)
        const names = (list: unknown) => (list as { name: string }[]).map(({ name }) => name)
        const commands = names(await value('query-commands'))
        const schema = names(await value('query-qmp-schema'))
        t.same(
          commands.filter((name) => !schema.includes(name)),
          [],
        )
        for (const name of ['migrate', 'migrate_cancel', 'query-migrate', 'quit', 'stop', 'cont'])
          t.ok(commands.includes(name), name)
        if (server.profile === '2.11') t.ok(names(await value('query-events')).includes('MIGRATION_PASS'))
        else
          t.same(await client.ask({ execute: 'query-events' }), notFound('The command query-events has not been found'))
        for (const event of ['MIGRATION', 'STOP', 'RESUME', 'SHUTDOWN']) t.ok(schema.includes(event), event)
        t.ok(isJsonObject(await value('query-name')))
      }),
  },
]

const sessions: readonly Rule[] = [
  {
    name: 'events: each with its time, before the answer to what caused it; none is merged or dropped',
    holds: (t, server) =>
      session(server, async (client) => {
        const rounds = 150
        client.send('{"execute": "cont"}{"execute": "stop"}'.repeat(rounds))
        const seen: string[] = []
        for (let message = 0; message < 4 * rounds; message++) {
          const said = (await client.next()) as {
            event?: string
            timestamp?: { seconds: number; microseconds: number }
          }
          if (said.event !== undefined) {
            t.ok(Number.isInteger(said.timestamp?.seconds) && Number(said.timestamp?.microseconds) < 1e6)
            t.same(Object.keys(said)[0], 'timestamp')
          }
          seen.push(said.event ?? 'answer')
        }
        const expected = Array.from({ length: rounds }, () => ['RESUME', 'answer', 'STOP', 'answer']).flat()
        t.ok(seen.join() === expected.join(), 'RESUME, answer, STOP, answer, as often as it was asked')
      }),
  },
  {
    name: 'events: none before the negotiation',
    holds: async (t, server) => {
      const waits = await LineClient.connect(server.address)
      await waits.next()
      // What is asked before the negotiation is refused; if there were an event, it would stand before the refusal.
      t.same(await waits.ask({ execute: 'cont' }), expecting)
      t.same(await waits.ask({ execute: 'qmp_capabilities' }), { return: {} })
      t.match(await waits.ask({ execute: 'cont' }), { event: 'RESUME' })
      await waits.next()
      t.match(await waits.ask({ execute: 'stop' }), { event: 'STOP' })
      await waits.next()
      await waits.close()
    },
  },
  {
    name: 'sessions: one client at a time, the next waits and hears nothing',
    holds: async (t, server) => {
      const holds = await LineClient.connect(server.address)
      await holds.negotiate()
      const waits = await LineClient.connect(server.address)
      waits.send('{"execute": "qmp_capabilities"}{"execute": "query-status", "id": "mine"}')
      t.match(await holds.ask(status), { return: { running: false } })
      t.match(await holds.ask({ execute: 'query-name', id: 1 }), { id: 1 })
      await holds.close()
      t.match(await waits.next(), { QMP: {} })
      t.same(await waits.next(), { return: {} })
      t.match(await waits.next(), { return: { running: false }, id: 'mine' })
      await waits.close()
    },
  },
  {
    name: 'sessions: 1,000 connects in turn, one in four of them rude',
    holds: async (t, server) => {
      for (let index = 0; index < 1000; index++) {
        const client = await LineClient.connect(server.address)
        if (index % 4 === 0) client.send('{"execute": "qmp_')
        else if (index % 4 === 1) await client.next()
        else await client.negotiate()
        await client.close()
      }
      await session(server, async (client) => t.match(await client.ask(status), { return: { running: false } }))
    },
  },
  {
    name: 'sessions: a client that asks and never reads holds nothing up but its own session',
    holds: async (t, server) => {
      const deaf = await LineClient.connect(server.address)
      await deaf.negotiate()
      deaf.deafen()
      // Some ten megabytes of answers, of which the system takes a part and the server keeps the rest, or stops reading.
      deaf.send('{"execute": "query-qmp-schema"}\n'.repeat(200))
      const closed = once(deaf.socket, 'close')
      deaf.socket.destroy()
      await closed
      // QEMU may begin the next session with what it still had for the last one.
      const next = await LineClient.connect(server.address)
      next.send('{"execute": "qmp_capabilities"}{"execute": "query-status", "id": "next"}\n')
      t.match(await answerTo(next, 'next'), { return: { running: false } })
      await next.close()
    },
  },
  {
    name: 'lifecycle: stop, cont, system_powerdown, system_reset, quit, with their events',
    holds: async (t, server) => {
      const client = await LineClient.connect(server.address)
      await client.negotiate()
      const why = (reason: string) => ({ guest: false, ...(server.profile === '7.2' ? { reason } : {}) })
      for (const [execute, ...said] of [
        ['cont', { event: 'RESUME' }, { return: {} }],
        ['cont', { return: {} }],
        ['system_powerdown', { event: 'POWERDOWN' }, { return: {} }],
        ['stop', { event: 'STOP' }, { return: {} }],
        ['stop', { return: {} }],
        ['query-status', { return: { running: false, status: 'paused' } }],
        ['system_reset', { event: 'RESET', data: why('host-qmp-system-reset') }, { return: {} }],
        ['query-status', { return: { running: false, status: 'prelaunch' } }],
        ['quit', { event: 'SHUTDOWN', data: why('host-qmp-quit') }, { return: {} }],
      ] as const) {
        client.send(`${JSON.stringify({ execute })}\n`)
        for (const wanted of said) t.match(await client.next(), wanted, execute)
      }
      t.same(await client.rest(), [], 'and the end')
      await client.close()
    },
  },
]

/** In this order: a session has no memory, but the process has. The last one ends it. */
const rules: readonly Rule[] = [greets, ...framing, ...negotiation, ...ids, ...answers, ...sessions]

const hold = (t: Test, server: Server) =>
  Effect.promise(async () => {
    for (const { name, holds, onlyOurs } of rules) {
      const left = server.isOurs ? undefined : onlyOurs
      if (left === undefined) await t.test(name, (t) => holds(t, server))
      else t.comment(`left out: ${name}: ${left}`)
    }
  })

const small = 'write:size=1M,working-set=64K,rate=100'

effectTest('switchover serve, 2.11, tcp', (t) =>
  Effect.gen(function* () {
    const serving = yield* serve('-S', '--quirk', 'all', '--guest', small)
    const { qmp: address } = yield* serving.line
    yield* hold(t, { profile: '2.11', address: String(address), isOurs: true })
    t.equal(yield* serving.code, 0)
  }),
)

effectTest('switchover serve, 7.2, unix', (t) =>
  Effect.gen(function* () {
    const address = `unix:${join(yield* scratchDirectory, 'qmp')}`
    const serving = yield* serve('-S', '--profile', '7.2', '--quirk', 'all', '--guest', small, '--qmp', address)
    yield* serving.line
    yield* hold(t, { profile: '7.2', address, isOurs: true })
    t.equal(yield* serving.code, 0)
  }),
)

const noQemu = qemuMissing || (qemuVersion !== '7.2' && `QEMU ${qemuVersion} is not 7.2`)
if (noQemu !== false) t.comment(`the rules are not held against a live QEMU: ${noQemu}`)

effectTest(
  'a live QEMU 7.2, unix: the rules are its own',
  (t) =>
    Effect.gen(function* () {
      const { address, exited } = yield* startQemu
      yield* withReconnect(address, Schedule.spaced('10 millis'), () => Effect.void)
      yield* hold(t, { profile: '7.2', address, isOurs: false })
      t.equal(yield* exited, 0)
    }),
  { skip: noQemu },
)

effectTest('a second migrate-incoming, in both', (t) =>
  Effect.gen(function* () {
    for (const profile of ['2.11', '7.2']) {
      const serving = yield* serve('--incoming', 'defer', '--profile', profile, '--guest', small)
      const { qmp } = yield* serving.line
      yield* Effect.promise(async () => {
        const client = await LineClient.connect(String(qmp))
        await client.negotiate()
        const incoming = { execute: 'migrate-incoming', arguments: { uri: 'tcp:127.0.0.1:0' } }
        t.match(await client.ask(incoming), { event: 'MIGRATION', data: { status: 'setup' } })
        t.same(await client.next(), { return: {} })
        t.same(await client.ask(incoming), generic('The incoming migration has already been started'), profile)
        await client.close()
      })
    }
  }),
)
