import t from 'tap'
import { quirks } from '../../machines/index.ts'
import { automatonOf, LazyAutomaton, quirksOf } from './lazy-automaton.ts'

const source = { incoming: false, defer: false, autostart: true, incomingUri: undefined }

t.test('an edge is worked out once', async (t) => {
  const automaton = new LazyAutomaton('2.11')
  const first = automaton.initial(source)
  const edge = automaton.safeEdge(first, { type: 'migrate' })
  t.equal(edge.taken, true)
  t.strictSame(edge.outputs, [{ event: 'MIGRATION setup', unconditional: false }])
  t.match(edge.to, { outgoing: 'setup', guest: 'running' })
  const { edgeCount } = automaton
  t.equal(automaton.safeEdge(first, { type: 'migrate' }), edge)
  t.equal(automaton.edgeCount, edgeCount)
})

t.test('an event that the chart does not take leaves the node', async (t) => {
  const automaton = automatonOf('2.11')
  const first = automaton.initial(source)
  t.strictSame(automaton.safeEdge(first, { type: 'migrate_cancel' }), {
    to: first,
    outputs: [],
    quirk: 0,
    taken: false,
    chartEdges: [],
  })
})

t.test('a quirk’s edge carries its bit', async (t) => {
  const automaton = automatonOf('7.2')
  let node = automaton.initial(source)
  node = automaton.safeEdge(node, { type: 'migrate' }).to
  node = automaton.safeEdge(node, { type: 'migrate_cancel' }).to
  const edges = automaton.edges(node, { type: 'migrate_cancel' }).filter((edge) => edge.taken)
  t.strictSame(
    edges.map((edge) => automaton.idsOf(edge.quirk)),
    [['h7']],
  )
})

t.test('masks name the quirks of the profile', async (t) => {
  const automaton = automatonOf('2.11')
  t.strictSame(automaton.idsOf(automaton.maskOf(['h1', 'q7'])), ['q7', 'h1'])
  t.equal(automaton.maskOf(['h7']), 0, 'h7 is a quirk of 7.2 only')
  t.ok(quirksOf('2.11').length < 31 && quirksOf('7.2').length < 31, 'a bit each')
  t.ok(quirks.length > 0)
})
