/** `--object TYPE,id=ID,PROPERTY=VALUE...` as QEMU has it, turned into the arguments of object-add. */
import type { Profile } from '../../machines/index.ts'

/** Properties whose values are `on` and `off` there. */
const flags: ReadonlySet<string> = new Set(['verify-peer', 'sanity-check'])

/** The parts of an option between its commas; one within a value is written twice. */
export const splitOption = (text: string): readonly string[] =>
  text
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','))

const flag = (name: string, value: string): boolean | string => {
  if (value === 'on' || value === 'yes') return true
  return value === 'off' || value === 'no' ? false : `Parameter '${name}' expects 'on' or 'off'`
}

/** The arguments of object-add; a text says what is wrong with the option. */
export const objectArguments = (text: string, profile: Profile): Readonly<Record<string, unknown>> | string => {
  const [first = '', ...rest] = splitOption(text)
  const type = first.replace(/^qom-type=/, '')
  const props: Record<string, unknown> = {}
  for (const part of rest) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(part) ?? []
    if (name === undefined || value === undefined) return `expected PROPERTY=VALUE, found ${JSON.stringify(part)}`
    const read = flags.has(name) ? flag(name, value) : value
    if (flags.has(name) && typeof read === 'string') return read
    props[name] = read
  }
  const { id, ...others } = props
  const named = { 'qom-type': type, ...(id === undefined ? {} : { id }) }
  return profile === '7.2' ? { ...named, ...others } : { ...named, props: others }
}
