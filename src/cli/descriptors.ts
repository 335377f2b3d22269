/** Descriptors that the process was started with and may use as channels: `--fd NAME=NUMBER`, and numbers in an address. */
import { fstatSync } from 'node:fs'
import { Effect } from 'effect'
import { parseUri } from '../core/index.ts'
import type { DescriptorTable } from '../channel/descriptor.ts'
import { WrongUsage } from './failure.ts'

const isOpen = (descriptor: number): boolean => {
  try {
    fstatSync(descriptor)
    return true
  } catch {
    return false
  }
}

/** A name is none of a number, as for QEMU's getfd; a number alone is its own name. */
const parse = (text: string): readonly [string, number] | undefined => {
  const [, name, number] = /^(?:([^\d=][^=]*)=)?(\d{1,9})$/.exec(text) ?? []
  return number === undefined ? undefined : [name ?? number, Number(number)]
}

/** The table of what was asked for; an address that names a number asks for it too. */
export const descriptorTable = (
  asked: readonly string[],
  uri: string | undefined,
): Effect.Effect<DescriptorTable, WrongUsage> =>
  Effect.gen(function* () {
    const table: DescriptorTable = new Map()
    const address = uri === undefined ? undefined : parseUri(uri)
    const named = address?.transport === 'fd' && /^\d+$/.test(address.name) ? [address.name] : []
    for (const text of [...asked, ...named]) {
      const parsed = parse(text)
      if (parsed === undefined)
        return yield* new WrongUsage({ reason: `--fd: expected NAME=NUMBER or a number, found ${text}` })
      const [name, descriptor] = parsed
      if (!isOpen(descriptor))
        return yield* new WrongUsage({
          reason: `descriptor ${descriptor}: expected one that this process was started with, found none that is open`,
        })
      if (table.has(name) && table.get(name) !== descriptor)
        return yield* new WrongUsage({ reason: `--fd: expected each name once, found ${name} twice` })
      table.set(name, descriptor)
    }
    return table
  })
