/** `--quirk`: known defects by their ids, or `all` of a profile. */
import { Effect } from 'effect'
import { quirks as knownQuirks, type Profile, type Quirk, type QuirkId } from '../../machines/index.ts'
import { WrongUsage } from './failure.ts'

const isQuirk = (id: string): id is QuirkId => knownQuirks.some((quirk) => quirk.id === id)

/** The quirks that were asked for; wrong usage where one is unknown. */
export const quirksNamed = (
  asked: readonly string[],
  profile: Profile,
): Effect.Effect<readonly QuirkId[], WrongUsage> => {
  const stray = asked.find((id) => id !== 'all' && !isQuirk(id))
  if (stray !== undefined) {
    const known = knownQuirks.map(({ id }) => id).join(', ')
    return Effect.fail(new WrongUsage({ reason: `--quirk: expected all or one of ${known}; found ${stray}` }))
  }
  if (!asked.includes('all')) return Effect.succeed(asked.filter(isQuirk))
  return Effect.succeed(
    knownQuirks.filter(({ profiles }) => profiles.some((one) => one === profile)).map(({ id }) => id),
  )
}

/** Those of them that a process of this profile can be started with; wrong usage where one is not. */
export const quirksOfProcess = (
  asked: readonly string[],
  profile: Profile,
): Effect.Effect<readonly QuirkId[], WrongUsage> => {
  const offered = (knownQuirks as readonly Quirk[])
    .filter(({ profiles, recordingsOnly }) => profiles.includes(profile) && recordingsOnly !== true)
    .map(({ id }) => id)
  const stray = asked.find((id) => id !== 'all' && !offered.includes(id))
  if (stray !== undefined) {
    const known = `expected all or, of QEMU ${profile}, one of ${offered.join(', ')}`
    return Effect.fail(new WrongUsage({ reason: `--quirk: ${known}; found ${stray}` }))
  }
  return Effect.map(quirksNamed(asked, profile), (named) => named.filter((id) => offered.includes(id)))
}
