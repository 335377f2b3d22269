/**
 * object-add and object-del: credentials for TLS, and who may use them. 2.11 takes the properties as `props`, 7.2 beside the
 * rest (`qapi/qom.json`). Credentials are looked at before the command is answered: what could not work is refused.
 */
import type { CoreState } from '../core-state.ts'
import type { Step } from '../decide.ts'
import type { ObjectNews } from '../fact.ts'
import { refuse, refuseUnsupported, type Refusal } from '../output.ts'
import { answer, defer, pendingObject } from '../pending.ts'
import { objectTypes, type ObjectType, type StoredObject } from '../stored-object.ts'
import * as wording from '../wording.ts'
import { refused, replied, type Arguments, type Command, type CommandTable } from './call.ts'

/** The properties that a type has, and what each is. */
const properties: Readonly<Record<ObjectType, Readonly<Record<string, 'string' | 'boolean'>>>> = {
  'authz-simple': { identity: 'string' },
  'tls-creds-x509': {
    dir: 'string',
    endpoint: 'string',
    'verify-peer': 'boolean',
    'sanity-check': 'boolean',
    priority: 'string',
    passwordid: 'string',
  },
}

/** GnuTLS's words for ciphers, and encrypted keys: QEMU has them, nothing here can carry them out. */
const withoutEffect = ['priority', 'passwordid']

const isType = (name: string): name is ObjectType => objectTypes.some((type) => type === name)

const add: Command = (state, given) => {
  const { 'qom-type': type, id, ...rest } = given
  const name = String(id)
  if (!isType(String(type))) return refused(state, wording.unknownObjectType(state.profile, String(type)))
  const props = state.profile === '7.2' ? rest : propsOf(rest)
  if (typeof props === 'string') return refused(state, props)
  const problem = idProblem(state, name) ?? propertyProblem(state, type as ObjectType, props)
  if (problem !== undefined) return refused(state, problem)
  return type === 'authz-simple' ? stored(state, name, props) : loads(state, name, props)
}

/** 2.11 has no schema for the properties, and looks at them itself. */
const propsOf = ({ props = {} }: Arguments): Arguments | string =>
  typeof props === 'object' && props !== null && !Array.isArray(props)
    ? (props as Arguments)
    : wording.wrongType('props', 'dict')

const idProblem = (state: CoreState, id: string): string | undefined => {
  if (!/^[A-Za-z][\w.-]*$/.test(id)) return wording.noIdentifier
  return Object.hasOwn(state.objects, id) || pendingObject(state, id) !== undefined
    ? wording.duplicateObject(id)
    : undefined
}

const propertyProblem = (state: CoreState, type: ObjectType, props: Arguments): Refusal | string | undefined => {
  const known = properties[type]
  for (const [name, value] of Object.entries(props)) {
    const wanted = known[name]
    if (wanted === undefined) return wording.unknownProperty(state.profile, name)
    if (typeof value !== wanted) return wording.wrongType(name, wanted)
  }
  const { endpoint } = props
  if (endpoint !== undefined && endpoint !== 'client' && endpoint !== 'server')
    return wording.unknownEnumValue(state.profile, 'endpoint', String(endpoint))
  const stray = withoutEffect.find((name) => props[name] !== undefined)
  if (stray !== undefined) return refuseUnsupported(`${type}.${stray}`, wording.unsupportedProperty(stray))
  if (type === 'authz-simple') return props['identity'] === undefined ? wording.missing('identity') : undefined
  return props['dir'] === undefined ? wording.missingDirectory : undefined
}

const stored = (state: CoreState, id: string, props: Arguments): Step =>
  replied(withObject(state, id, { type: 'authz-simple', identity: String(props['identity']) }))

const loads = (state: CoreState, id: string, props: Arguments): Step => {
  const endpoint = props['endpoint'] === 'server' ? ('server' as const) : ('client' as const)
  const verifyPeer = props['verify-peer'] !== false
  const object = { type: 'tls-creds-x509', endpoint, verifyPeer } as const
  const [waiting, deferred] = defer(state, { command: 'object-add', id, object })
  const options = { dir: String(props['dir']), endpoint, verifyPeer, sanityCheck: props['sanity-check'] !== false }
  return [
    waiting,
    [{ type: 'intent', intent: { type: 'load-credentials', run: deferred.ticket, id, options } }, deferred],
  ]
}

const withObject = (state: CoreState, id: string, object: StoredObject): CoreState => ({
  ...state,
  objects: { ...state.objects, [id]: object },
})

/** A run that uses them has its own. */
const remove: Command = (state, given) => {
  const id = String(given['id'])
  const { [id]: object, ...objects } = state.objects
  if (object === undefined) return refused(state, wording.noObject(id))
  const next = { ...state, objects }
  return object.type === 'tls-creds-x509'
    ? [
        next,
        [
          { type: 'intent', intent: { type: 'unload-credentials', id } },
          { type: 'reply', value: {} },
        ],
      ]
    : replied(next)
}

/** The credentials are there, or cannot be: the command is answered. */
export const takeObjectFact = (state: CoreState, fact: ObjectNews & { readonly run: number }): Step | undefined => {
  const pending = state.pending.find((one) => one.command === 'object-add' && one.ticket === fact.run)
  if (pending?.command !== 'object-add') return undefined
  const isLoaded = fact.type === 'object.loaded'
  const [next, output] = answer(
    isLoaded ? withObject(state, pending.id, pending.object) : state,
    pending,
    isLoaded ? { type: 'reply', value: {} } : refuse(fact.reason),
  )
  return [next, [output]]
}

/** See the head of this file. */
export const objectCommands: CommandTable = { 'object-add': add, 'object-del': remove }
