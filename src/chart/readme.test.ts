/** What the README shows is what there is: the diagram comes from the chart, the example is the one that runs. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { outgoingMachine } from '../../machines/index.ts'
import { statusDiagram } from './mermaid.ts'

const text = (relative: string): string => readFileSync(new URL(relative, import.meta.url), 'utf8')
const readme = text('../../README.md')

t.test('the diagram of the outgoing chart', async (t) => {
  t.ok(readme.includes(['```mermaid', statusDiagram(outgoingMachine()), '```'].join('\n')))
})

t.test('the embedding example', async (t) => {
  t.ok(readme.includes(text('../../examples/embed.ts').trimEnd()))
})
