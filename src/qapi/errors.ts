/**
 * The classes of QMP errors. Clients tell errors apart by them (and, alas, by texts, which belong to another layer).
 */
import { Schema } from 'effect'
import { enumeration, required } from './documentation.ts'
import { Str } from './scalar.ts'

/**
 * The five classes. Source: `QapiErrorClass` of `qapi/common.json`, 2.11. Everything in the migration schema answers
 * `GenericError`, but for `client_migrate_info` without SPICE (`DeviceNotActive`) and an unknown command (`CommandNotFound`).
 */
export const ErrorClass = enumeration({
  name: 'QapiErrorClass',
  since: '1.2',
  description: 'The class of a QMP error.',
  literals: ['GenericError', 'CommandNotFound', 'DeviceNotActive', 'DeviceNotFound', 'KVMMissingCap'],
  members: {
    GenericError: { description: 'Any error without a class of its own.', since: '1.2' },
    CommandNotFound: { description: 'There is no such command, or not now.', since: '1.2' },
    DeviceNotActive: { description: 'The device is there but not in use.', since: '1.2' },
    DeviceNotFound: { description: 'There is no such device.', since: '1.2' },
    KVMMissingCap: { description: 'The host kernel lacks something that KVM needs.', since: '1.2' },
  },
})
/** A member of {@link ErrorClass}. */
export type ErrorClass = (typeof ErrorClass)['Type']

/** The `error` member of a QMP reply: `{ "class": "GenericError", "desc": "..." }`. */
export const ErrorObject = Schema.Struct({
  class: required(ErrorClass, { description: 'The class.', since: '1.2', unit: 'none' }),
  desc: required(Str, { description: 'What went wrong, for people.', since: '1.2', unit: 'none' }),
}).annotate({ identifier: 'ErrorObject', description: 'A QMP error.', since: '1.2' })
/** See {@link ErrorObject}. */
export type ErrorObject = (typeof ErrorObject)['Type']
