/**
 * Commands that are none of the migration schema and that managers use around a migration: descriptors and the guest's run
 * state. Sources: `qapi/misc.json` and `qapi/run-state.json` of 2.11.
 */
import { Schema } from 'effect'
import type { CommandDefinition } from './commands.ts'
import { optional, required } from './documentation.ts'
import type { Profile } from './profile.ts'
import { StatusInfo } from './run-state.ts'
import { Bool, Int, Nothing, Str } from './scalar.ts'

const none = Schema.Struct({})

const fdname = required(Str, { description: 'The name of the descriptor.', since: '0.14', unit: 'none' })

/** What `add-fd` returns. */
export const AddfdInfo = Schema.Struct({
  'fdset-id': required(Int, { description: 'The number of the set.', since: '1.2', unit: 'count' }),
  fd: required(Int, { description: 'The number of the descriptor in it.', since: '1.2', unit: 'count' }),
}).annotate({ identifier: 'AddfdInfo', description: 'Where a descriptor has been put.', since: '1.2' })

const shared = {
  'query-status': { arguments: none, returns: StatusInfo, since: '0.14', description: 'What the guest is doing.' },
  getfd: {
    arguments: Schema.Struct({ fdname }),
    returns: Nothing,
    since: '0.14',
    description: 'Take the descriptor that comes with the command, under a name for fd:.',
  },
  closefd: {
    arguments: Schema.Struct({ fdname }),
    returns: Nothing,
    since: '0.14',
    description: 'Close a descriptor that has not been used.',
  },
  'add-fd': {
    arguments: Schema.Struct({
      'fdset-id': optional(Int, {
        description: 'The number of the set. Default: a new one.',
        since: '1.2',
        unit: 'count',
      }),
      opaque: optional(Str, { description: 'Any text, to be told again.', since: '1.2', unit: 'none' }),
    }),
    returns: AddfdInfo,
    since: '1.2',
    description: 'Take the descriptor that comes with the command into a set.',
  },
} satisfies Readonly<Record<string, CommandDefinition>>

const qomType = required(Str, { description: 'The type of the object.', since: '2.0', unit: 'none' })
const id = required(Str, { description: 'Its name.', since: '2.0', unit: 'none' })

const textProperty = (description: string) => optional(Str, { description, since: '2.5', unit: 'none' })
const flagProperty = (description: string) => optional(Bool, { description, since: '2.5', unit: 'none' })

/** 2.11 leaves the properties to the object; 7.2 has a schema for those of each type. */
const objectArguments: Readonly<Record<Profile, CommandDefinition['arguments']>> = {
  '2.11': Schema.Struct({
    'qom-type': qomType,
    id,
    props: optional(Schema.Unknown, { description: 'Its properties.', since: '2.0', unit: 'none' }),
  }),
  '7.2': Schema.Struct({
    'qom-type': qomType,
    id,
    dir: textProperty('Where the files of credentials are.'),
    endpoint: textProperty('Which side they are for: client (the default) or server.'),
    'verify-peer': flagProperty('Whether the peer has to show a certificate. Default true.'),
    'sanity-check': flagProperty('Whether the certificates are looked at. Default true.'),
    priority: textProperty('The ciphers, as GnuTLS has them.'),
    passwordid: textProperty('The secret that the key is encrypted with.'),
    identity: textProperty('Who may, by name.'),
  }),
}

const objectCommands = (profile: Profile): Readonly<Record<string, CommandDefinition>> => ({
  'object-add': {
    arguments: objectArguments[profile],
    returns: Nothing,
    since: '2.0',
    description: 'Make an object: credentials for TLS, or who may use them.',
  },
  'object-del': {
    arguments: Schema.Struct({ id }),
    returns: Nothing,
    since: '2.0',
    description: 'Take it away again.',
  },
})

/** The commands by profile. */
export const monitorCommands: Readonly<Record<Profile, Readonly<Record<string, CommandDefinition>>>> = {
  '2.11': { ...shared, ...objectCommands('2.11') },
  '7.2': { ...shared, ...objectCommands('7.2') },
}
