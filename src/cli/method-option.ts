/** `--capability` and `--parameter`: what a migration is done with, by the schema's names, on both sides. */
import { Effect } from 'effect'
import type { JsonObject } from '../qmp/message.ts'
import { WrongUsage } from './failure.ts'

/** What is switched on: whether there is such a capability, and whether it goes with others, is for the process to say. */
export const capabilitiesNamed = (names: readonly string[]): JsonObject => ({
  capabilities: names.map((capability) => ({ capability, state: true })),
})

/** The value as QMP has it: a number or a boolean where it reads as one, and a text otherwise. */
const valueOf = (text: string): number | boolean | string => {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^\d+$/.test(text) ? Number(text) : text
}

/** Parameters given as NAME=VALUE; wrong usage where one is not. */
export const parametersNamed = (given: readonly string[]): Effect.Effect<JsonObject, WrongUsage> => {
  const stray = given.find((each) => !/^[^=]+=/.test(each))
  if (stray !== undefined)
    return Effect.fail(new WrongUsage({ reason: `--parameter: expected NAME=VALUE, found ${JSON.stringify(stray)}` }))
  const pairs = given.map(
    (each) => [each.slice(0, each.indexOf('=')), valueOf(each.slice(each.indexOf('=') + 1))] as const,
  )
  return Effect.succeed(Object.fromEntries(pairs))
}
