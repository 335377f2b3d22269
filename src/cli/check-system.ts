/** `switchover check --module FILE`: the suite for a system of your own. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Console, Effect, Option } from 'effect'
import {
  parseSystemToken,
  runSystemSuite,
  systemJunit,
  systemText,
  type SystemUnderTest,
} from '../../properties/system/index.ts'
import { Failure, WrongUsage } from './failure.ts'

interface Options {
  readonly runs: number
  readonly seed: number
  readonly property: string
  readonly replay: Option.Option<string>
  readonly format: 'text' | 'json' | 'junit'
  readonly json: boolean
}

const isSystem = (value: unknown): value is SystemUnderTest =>
  typeof value === 'object' && value !== null && 'name' in value && 'make' in value && typeof value.make === 'function'

const load = (file: string): Effect.Effect<SystemUnderTest, WrongUsage> =>
  Effect.tryPromise({
    try: async () => ((await import(pathToFileURL(resolve(file)).href)) as { readonly default?: unknown }).default,
    catch: (error) => new WrongUsage({ reason: `module: ${file} cannot be loaded: ${String(error)}` }),
  }).pipe(
    Effect.flatMap((found) =>
      isSystem(found)
        ? Effect.succeed(found)
        : Effect.fail(
            new WrongUsage({
              reason: `module: expected a default export with name and make, found ${typeof found} in ${file}`,
            }),
          ),
    ),
  )

/** See the head of this file. */
export const checkSystem = Effect.fn('check.system')(function* (file: string, options: Options) {
  const system = yield* load(file)
  const text = Option.getOrUndefined(options.replay)
  const token = text === undefined ? undefined : parseSystemToken(text)
  if (text !== undefined && token === undefined)
    return yield* new WrongUsage({ reason: 'replay: expected a token that check --module has printed' })
  const result = yield* Effect.promise(() =>
    runSystemSuite({
      system,
      runs: options.runs,
      seed: options.seed,
      ...(options.property === 'all' ? {} : { only: options.property }),
      ...token,
    }),
  )
  const format = options.json ? 'json' : options.format
  const written = { text: systemText, json: JSON.stringify, junit: systemJunit }[format]
  yield* Console.log(written(result))
  if (result.counterexample !== undefined) return yield* new Failure({ reason: 'an invariant is broken' })
})
