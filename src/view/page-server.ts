/**
 * Serves the page on this machine, and for a live process what it says as server-sent events. Whoever knows the secret in
 * the path may read and, where a process is watched, send it commands; nobody else, also not a page of another site.
 */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { NodeHttpServer } from '@effect/platform-node'
import { Effect, Result, Schema, Stream, type Scope } from 'effect'
import { HttpServerRequest, HttpServerResponse } from 'effect/http'
import { isJsonObject, type JsonObject } from '../qmp/message.ts'
import type { LiveLog } from './live-log.ts'

/** The server cannot listen. */
export class PageServerFailed extends Schema.TaggedError<PageServerFailed>('PageServerFailed')('PageServerFailed', {
  port: Schema.Number,
  reason: Schema.String,
}) {
  override get message(): string {
    return `cannot listen on 127.0.0.1:${this.port}: ${this.reason}`
  }
}

/** What is served. */
export interface PageServerOptions {
  /** 0: any port that is free. */
  readonly port: number
  /** The page, given the path under which it is served. */
  readonly page: (path: string) => Promise<string>
  readonly live?: LiveLog
}

/** Largest command that is taken from a page, in characters. */
const COMMAND_MAX = 64 * 1024

const CommandFromPage = Schema.Struct({
  party: Schema.String,
  text: Schema.String.check(Schema.isMaxLength(COMMAND_MAX)),
})

const parsed = (text: string): unknown =>
  Result.getOrElse(Result.try({ try: (): unknown => JSON.parse(text), catch: () => undefined }), () => undefined)

/**
 * A command as people type it: `stop`, `migrate {"uri": "tcp:host:4444"}`, or as it stands on the wire. Undefined where it
 * is none.
 */
export const commandOf = (text: string): { readonly name: string; readonly arguments?: JsonObject } | undefined => {
  const whole = parsed(text)
  if (isJsonObject(whole)) {
    const { execute, arguments: info } = whole
    if (typeof execute !== 'string') return undefined
    return isJsonObject(info) ? { name: execute, arguments: info } : { name: execute }
  }
  const [, name, rest = ''] = /^\s*([\w-]+)\s*([\s\S]*?)\s*$/.exec(text) ?? []
  if (name === undefined) return undefined
  if (rest === '') return { name }
  const info = parsed(rest)
  return isJsonObject(info) ? { name, arguments: info } : undefined
}

const encoder = new TextEncoder()

const events = ({ messages }: LiveLog) =>
  HttpServerResponse.stream(
    Stream.concat(
      messages.pipe(Stream.map((message) => `data: ${JSON.stringify(message)}\n\n`)),
      Stream.succeed('event: ended\ndata:\n\n'),
    ).pipe(Stream.map((text) => encoder.encode(text))),
    { contentType: 'text/event-stream', headers: { 'cache-control': 'no-store' } },
  )

const carryOut = (live: LiveLog, body: unknown) =>
  Effect.gen(function* () {
    const request = Schema.decodeUnknownResult(CommandFromPage)(body)
    const command = Result.isSuccess(request) ? commandOf(request.success.text) : undefined
    const client = Result.isSuccess(request) ? live.clients.get(request.success.party) : undefined
    if (command === undefined || client === undefined)
      return HttpServerResponse.text('expected a command, as in: migrate {"uri": "tcp:host:4444"}', { status: 400 })
    const answer = yield* Effect.result(client.execute(command.name, command.arguments))
    return Result.isSuccess(answer)
      ? HttpServerResponse.text(JSON.stringify(answer.success))
      : HttpServerResponse.text(answer.failure.message, { status: 409 })
  })

const notFound = HttpServerResponse.text('not here', { status: 404 })

/** Serves until the scope ends; gives the page's address. */
export const servePage = ({
  port,
  page,
  live,
}: PageServerOptions): Effect.Effect<string, PageServerFailed, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* NodeHttpServer.make(createServer, { port, host: '127.0.0.1' }).pipe(
      Effect.mapError((error) => {
        const { cause } = error
        return new PageServerFailed({ port, reason: cause instanceof Error ? cause.message : String(cause) })
      }),
    )
    const path = `/${randomBytes(16).toString('hex')}/`
    const html = yield* Effect.promise(() => page(path))
    yield* server.serve(
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const { method, url } = request
        if (method === 'GET' && url === path)
          return HttpServerResponse.text(html, {
            contentType: 'text/html; charset=utf-8',
            headers: { 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' },
          })
        if (live !== undefined && method === 'GET' && url === `${path}events`) return events(live)
        if (live !== undefined && method === 'POST' && url === `${path}command`)
          return yield* carryOut(live, yield* Effect.orElseSucceed(request.json, () => undefined))
        return notFound
      }),
    )
    const { address } = server
    const boundPort = 'port' in address ? address.port : port
    return `http://127.0.0.1:${boundPort}${path}`
  })
