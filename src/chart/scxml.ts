/**
 * Charts as SCXML (W3C Recommendation of 1 September 2015). The root is a state of the document, as SCXML's own root can
 * have no transitions. Raised synchronisations are `raise`, what the chart remembers is `assign`, every other action is a
 * `send`: an event for the world outside.
 */
import { childrenOf, type ChartModel, type ChartState, type ChartTransition } from './chart-model.ts'
import { escapeXml } from './xml.ts'

const attribute = (name: string, value: string | undefined): string =>
  value === undefined ? '' : ` ${name}="${escapeXml(value)}"`

/** One action as executable content. */
const content = (action: string): string => {
  if (action.startsWith('raise ')) return `<raise${attribute('event', action.slice('raise '.length))}/>`
  const assigned = /^(\w+) := (.*)$/.exec(action)
  if (assigned !== null) {
    const [, location, value = ''] = assigned
    const expr = /^(true|false|\d+)$/.test(value) ? value : value === 'from the event' ? '_event.data' : `'${value}'`
    return `<assign${attribute('location', location)}${attribute('expr', expr)}/>`
  }
  const called = /^([^(]+)\((.*)\)$/.exec(action)
  if (called === null) return `<send${attribute('event', action)}/>`
  const [, name, values = ''] = called
  const params = values.split(', ').map((value, index) => `<param name="p${index}"${attribute('expr', `'${value}'`)}/>`)
  return `<send${attribute('event', name)}>${params.join('')}</send>`
}

const only = (labels: readonly string[] | undefined): string =>
  labels === undefined ? '' : attribute('switchover:only', labels.join(' '))

const transition = (each: ChartTransition, indent: string): string => {
  const head =
    `${indent}<transition${attribute('event', each.event === 'always' ? undefined : each.event)}` +
    `${attribute('cond', each.guard)}${attribute('target', each.to.length === 0 ? undefined : each.to.join(' '))}` +
    only(each.only)
  return each.actions.length === 0 ? `${head}/>` : `${head}>${each.actions.map(content).join('')}</transition>`
}

const handlers = (name: 'onentry' | 'onexit', actions: readonly string[], indent: string): readonly string[] =>
  actions.length === 0 ? [] : [`${indent}<${name}>${actions.map(content).join('')}</${name}>`]

const tagOf = ({ kind }: ChartState): string =>
  kind === 'parallel' || kind === 'final' || kind === 'history' ? kind : 'state'

const element = (chart: ChartModel, state: ChartState, indent: string): readonly string[] => {
  const inner = `${indent}  `
  const tag = tagOf(state)
  return [
    `${indent}<${tag}${attribute('id', state.id)}${attribute('initial', state.initial)}${only(state.only)}>`,
    ...(state.description === undefined
      ? []
      : [`${inner}<!-- ${state.description.replaceAll('--', '—')}${state.source ? ` (${state.source})` : ''} -->`]),
    ...handlers('onentry', state.entry, inner),
    ...handlers('onexit', state.exit, inner),
    ...chart.transitions.filter(({ from }) => from === state.id).map((each) => transition(each, inner)),
    ...childrenOf(chart, state.id).flatMap((child) => element(chart, child, inner)),
    `${indent}</${tag}>`,
  ]
}

/** A chart as an SCXML document. */
export const scxmlOf = (chart: ChartModel): string =>
  [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:switchover="urn:switchover" version="1.0"` +
      `${attribute('name', chart.name)} initial="${escapeXml(chart.name)}">`,
    ...chart.states.filter(({ parent }) => parent === undefined).flatMap((root) => element(chart, root, '  ')),
    '</scxml>',
  ].join('\n')
