/** A trail as a Mermaid sequence diagram: who tells whom what, and where each party then is. */
import type { Trail } from './trail.ts'

const identifier = (name: string): string => name.replaceAll(/\W/g, '_')
const text = (content: string): string => content.replaceAll(/[;#]/g, ' ')

/** The diagram. */
export const sequence = ({ world, steps, property, loop }: Trail): string => {
  const parties = world.parties.map(({ party }) => party.name)
  const others = [...new Set(steps.map(({ step }) => step.rule.lane))].filter((lane) => !parties.includes(lane))
  const lines = [
    'sequenceDiagram',
    ...[...others, ...parties].map((name) => `  participant ${identifier(name)} as ${name}`),
  ]
  for (const [index, { step, parties: changed, sent }] of steps.entries()) {
    if (loop === index)
      lines.push(`  Note over ${identifier(parties[0] ?? step.rule.lane)}: from here on, round and round`)
    const by = identifier(step.rule.lane)
    if (changed.length === 0) lines.push(`  Note over ${by}: ${text(step.rule.name)}`)
    for (const { party, told, changes } of changed) {
      for (const each of told)
        lines.push(`  ${by}${each.taken ? '->>' : '--x'}${identifier(party)}: ${text(each.text)}`)
      const places = changes.map(({ name, to }) => `${name} ${to}`)
      if (places.length > 0) lines.push(`  Note over ${identifier(party)}: ${text(places.join(', '))}`)
    }
    for (const { channel, message } of sent)
      lines.push(`  ${identifier(channel.from)}-)${identifier(channel.to)}: "${message}"`)
  }
  if (property !== undefined)
    lines.push(
      `  Note over ${
        [parties[0], parties.at(-1)]
          .filter((name) => name !== undefined)
          .map(identifier)
          .join(',') || 'world'
      }: breaks ${property.id}`,
    )
  return lines.join('\n')
}
