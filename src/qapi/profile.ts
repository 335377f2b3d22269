/**
 * The version of QEMU that a peer speaks, as far as it changes names, members, defaults or ranges. Everything in this
 * folder that depends on it takes a `Profile`, and `2.11` (the schema this project is built on) is the default.
 */
import { Schema } from 'effect'

/**
 * `2.11`: the schema as of QEMU 2.11 (November 2017). `7.2`: QEMU 7.2, with the statuses, capabilities and parameters that
 * came since and without the commands that were removed in 6.0.
 */
export const Profile = Schema.Literals(['2.11', '7.2']).annotate({
  identifier: 'Profile',
  description: 'The version of QEMU whose schema a peer speaks.',
})
/** A member of {@link Profile}: `'2.11'` or `'7.2'`. */
export type Profile = (typeof Profile)['Type']

/** The profile that is meant where none is named: `'2.11'`. */
export const defaultProfile = '2.11' satisfies Profile
