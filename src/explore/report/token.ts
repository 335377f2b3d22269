/** One line that names a trail: the model with its bounds, and the rules by number. Enough to make exactly that trail again. */
import type { Model, Rule } from '../model/language.ts'
import { makeModel, parseSettings, settingsText, type ModelSettings } from '../models/settings.ts'

const PREFIX = 'switchover-explore'

/** Tells models apart whose rules are not the same. */
const fingerprint = ({ rules }: Model): string => {
  let hash = 0x811c9dc5
  for (const letter of rules.map(({ name }) => name).join('\n'))
    hash = Math.imul(hash ^ letter.codePointAt(0)!, 16_777_619)
  return (hash >>> 0).toString(36)
}

/**
 * The token, without a blank.
 *
 * @example
 * formatToken({ model: 'pair', profile: '2.11', quirks: ['h1'] }, model, rules, 'I1')
 * // 'switchover-explore:pair:profile=2.11:quirks=h1:only=I1:of=1x2y3z:0.b.1c'
 */
export const formatToken = (settings: ModelSettings, model: Model, rules: readonly Rule[], property?: string): string =>
  [
    PREFIX,
    ...settingsText(settings),
    ...(property === undefined ? [] : [`only=${property.replaceAll(' ', '_')}`]),
    `of=${fingerprint(model)}`,
    rules.map((rule) => model.rules.indexOf(rule).toString(36)).join('.'),
  ].join(':')

/** What a token holds. */
export interface Replayed {
  readonly settings: ModelSettings
  readonly model: Model
  readonly rules: readonly Rule[]
  readonly property?: string
}

/** Reads a token, out of a line of other text too; says why where it cannot. */
export const parseToken = (text: string): Replayed | { readonly problem: string } => {
  const [, body = ''] = /switchover-explore:(\S+)/.exec(text) ?? []
  const fields = body.split(':')
  const steps = fields.pop() ?? ''
  const settings = parseSettings(fields)
  if (settings === undefined) return { problem: 'expected a token that switchover explore has printed' }
  const model = makeModel(settings)
  const made = fields.find((field) => field.startsWith('of='))?.slice(3)
  if (made !== fingerprint(model)) return { problem: 'the token is of another version of this model' }
  const rules = (steps === '' ? [] : steps.split('.')).map((number) => model.rules[Number.parseInt(number, 36)])
  if (rules.some((rule) => rule === undefined)) return { problem: 'the token names rules that the model has not' }
  const property = fields
    .find((field) => field.startsWith('only='))
    ?.slice(5)
    .replaceAll('_', ' ')
  return {
    settings,
    model,
    rules: rules.filter((rule) => rule !== undefined),
    ...(property === undefined ? {} : { property }),
  }
}
