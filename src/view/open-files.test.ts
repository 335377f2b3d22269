/** What the page opens: real logs of other tools, and every format that other parts of the project write. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { validateScenario } from '../trace/index.ts'
import { openFiles, type ViewItem } from './open-files.ts'

const text = (relative: string): string => readFileSync(new URL(relative, import.meta.url), 'utf8')

const openOne = (name: string, content: string): ViewItem => {
  const { items, problems } = openFiles([{ name, text: content }])
  const [item] = items
  if (item === undefined) throw new Error(problems.map(({ reason }) => reason).join('; '))
  return item
}

const traceOf = (item: ViewItem) => {
  if (item.kind !== 'trace') throw new Error(`expected a trace, found a ${item.kind}`)
  return item.scenario
}

t.test('what socat -v printed of a real QEMU', async (t) => {
  const item = openOne('migration.log', text('fixtures/socat-v.txt'))
  const scenario = traceOf(item)
  t.equal(scenario.profile, '7.2')
  const [party] = scenario.parties
  t.equal(party?.recording.messages.length, 18)
  t.match(
    party?.recording.messages.map(({ dir }) => dir).join(''),
    /^-><-<-->->/,
    'the second of two commands has no end of line',
  )
  t.equal(validateScenario(scenario).verdict, 'conforms')
})

t.test('a message that socat shows in two blocks is one', async (t) => {
  const log = [
    '< 2026/11/24 15:07:42.000000100  length=10 from=0 to=9',
    '{"event":< 2026/11/24 15:07:42.000000200  length=8 from=10 to=17',
    ' "STOP"}\\r',
    '',
  ].join('\n')
  const [party] = traceOf(openOne('a.log', log)).parties
  t.match(party?.recording.messages, [{ msg: { event: 'STOP' } }])
})

/** A recording as libvirt logs it: sent with an id, received by kind, each with the address of its monitor. */
const asLibvirt = (monitor: string, recording: string): readonly string[] =>
  recording
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { t: number; dir: string; msg: Readonly<Record<string, unknown>> })
    .filter(({ msg }) => !('QMP' in msg))
    .map(({ t, dir, msg }) => {
      const stamp = `${new Date(1_646_649_660_000 + t * 1000).toISOString().replace('T', ' ').replace('Z', '')}+0000: 132544: info : `
      const json = JSON.stringify(msg)
      if (dir === '->')
        return `${stamp}qemuMonitorSend:914 : QEMU_MONITOR_SEND_MSG: mon=${monitor} msg=${json}\r\n fd=-1`
      const kind = 'event' in msg ? 'EVENT' : 'REPLY'
      const name = kind.toLowerCase()
      return `${stamp}qemuMonitorJSONIOProcessLine:235 : QEMU_MONITOR_RECV_${kind}: mon=${monitor} ${name}=${json}`
    })

t.test('what libvirt logs, of both ends at once, and as KubeVirt wraps it', async (t) => {
  const folder = '../../traces/7.2/cancel-race-nodisk-1'
  const source = asLibvirt('0x7f0fd00028a0', text(`${folder}.src.jsonl`))
  const destination = asLibvirt('0x7f769405e470', text(`${folder}.dst.jsonl`))
  const byStamp = (a: string, b: string) => a.slice(0, 23).localeCompare(b.slice(0, 23))
  const log = [...source, ...destination].sort(byStamp).join('\n')
  const scenario = traceOf(openOne('libvirtd.log', `noise\n${log}\nmore noise\n`))
  t.strictSame(
    scenario.parties.map(({ name }) => name),
    ['dst', 'src'],
  )
  const verdict = validateScenario(scenario)
  t.match(verdict, { verdict: 'conforms-with-quirks', quirks: [{ id: 'h1' }] }, 'as the recording itself')
  const wrapped = log
    .split('\n')
    .filter((line) => line.includes('QEMU_MONITOR'))
    .map((line) => JSON.stringify({ component: 'virt-launcher', timestamp: line.slice(0, 23), msg: line.slice(24) }))
    .join('\n')
  t.match(validateScenario(traceOf(openOne('launcher.log', wrapped))), { verdict: 'conforms-with-quirks' })
})

t.test('the files of a scenario are one item', async (t) => {
  const folder = '../../traces/7.2/'
  const names = ['src.jsonl', 'dst.jsonl', 'meta.json'].map((part) => `cancel-race-nodisk-1.${part}`)
  const { items, problems } = openFiles(
    names.map((name) => ({ name: `/any/where/${name}`, text: text(folder + name) })),
  )
  t.strictSame(problems, [])
  t.match(items, [{ name: 'cancel-race-nodisk-1', kind: 'trace' }])
})

t.test('a counterexample in ITF', async (t) => {
  const item = openOne(
    'pair.itf.json',
    JSON.stringify({
      '#meta': { format: 'ITF', description: 'I1 is violated' },
      vars: ['action', 'source.outgoing', 'runs', 'sent'],
      states: [
        { action: '', 'source.outgoing': 'none', runs: { '#set': ['source'] }, sent: { '#bigint': '0' } },
        {
          action: 'migrate',
          'source.outgoing': 'setup.connecting',
          runs: { '#set': ['source'] },
          sent: { '#bigint': '1' },
        },
        {
          action: 'cut',
          'source.outgoing': 'failed.ending',
          runs: { '#map': [['a', { '#tup': [1, 2] }]] },
          sent: { '#bigint': '1' },
        },
      ],
      loop: 1,
    }),
  )
  t.match(item, {
    name: 'pair',
    kind: 'variables',
    trace: {
      variables: ['source.outgoing', 'runs', 'sent'],
      actions: ['', 'migrate', 'cut'],
      loop: 1,
      description: 'I1 is violated',
    },
  })
  if (item.kind !== 'variables') return
  t.strictSame(item.trace.states[2], ['failed.ending', 'a → (1, 2)', '1'])
})

t.test('a state graph, and a shortest way through it', async (t) => {
  const item = openOne(
    'explored.json',
    JSON.stringify({
      states: [
        { id: 'a', values: { x: 'none' } },
        { id: 'b', values: { x: 'setup' } },
        { id: 'c', values: { x: 'failed' } },
      ],
      edges: [
        { from: 'a', to: 'b', event: 'migrate' },
        { from: 'b', to: 'c', event: 'outgoing.failed' },
        ['a', 'c', 'never'],
        { from: 'a', to: 'nowhere', event: 'lost' },
      ],
      initial: ['a'],
    }),
  )
  if (item.kind !== 'state-graph') throw new Error(`expected a state graph, found a ${item.kind}`)
  const { shortestPath } = await import('./formats/state-graph.ts')
  t.equal(item.graph.edges.length, 3)
  t.strictSame(shortestPath(item.graph, 2), [{ from: 0, to: 2, event: 'never' }])
  t.strictSame(shortestPath(item.graph, 0), [])
  t.equal(shortestPath({ ...item.graph, edges: [] }, 2), undefined)
})

t.test('the graph that an exploration writes', async (t) => {
  const { explore, makeModel, stateGraphFile } = await import('../explore/index.ts')
  const settings = { model: 'outgoing', profile: '2.11', quirks: [], options: {} } as const
  const found = explore(makeModel(settings), { keepsEdges: true })
  const item = openOne('outgoing.json', JSON.stringify(stateGraphFile(found.graph)))
  if (item.kind !== 'state-graph') throw new Error(`expected a state graph, found a ${item.kind}`)
  t.equal(item.graph.states.length, found.states)
  t.equal(item.graph.edges.length, found.transitions)
  const at = item.graph.variables.findIndex((name) => name.endsWith('outgoing'))
  t.equal(item.graph.states[0]?.values[at], 'none')
  t.ok(item.graph.states.some(({ values }) => values[at]?.startsWith('completed')))
})

t.test('a kill matrix, as one document or as a line a row', async (t) => {
  const rows = [
    { mutant: 'A1', title: 'no compare-and-swap', kills: ['I10', 'I5'], missed: [] },
    { mutant: 'B1', title: 'survives', kills: [], missed: ['I9'] },
  ]
  for (const content of [JSON.stringify(rows), rows.map((row) => JSON.stringify(row)).join('\n')])
    t.match(openOne('matrix.json', content), {
      kind: 'kill-matrix',
      matrix: { properties: ['I5', 'I9', 'I10'], rows: [{ mutant: 'A1' }, { mutant: 'B1', missed: ['I9'] }] },
    })
})

t.test('one counterexample in several forms', async (t) => {
  const { items } = openFiles([
    { name: 'pair.src.jsonl', text: '{"t":0,"dir":"<-","msg":{"event":"STOP"}}' },
    { name: 'pair.itf.json', text: '{"vars":["x"],"states":[{"x":1}]}' },
  ])
  t.strictSame(
    items.map(({ name }) => name),
    ['pair (counterexample)', 'pair (trace)'],
  )
})

t.test('what cannot be opened says what would have been', async (t) => {
  const broken = '{"t":0,"dir":"<-","msg":{"event":"STOP"}}\nnonsense'
  const { items, problems } = openFiles([
    { name: 'a.src.jsonl', text: broken },
    { name: 'b.txt', text: 'hello' },
    { name: 'c.meta.json', text: '{}' },
    { name: 'd.memory.json', text: '[]' },
    { name: 'e.json', text: '' },
  ])
  t.strictSame(items, [])
  t.match(problems.find(({ name }) => name === 'a.src.jsonl')?.reason, /a\.src\.jsonl:2: expected .*, found nonsense/)
  t.match(problems.find(({ name }) => name === 'b.txt')?.reason, /expected QMP recordings .*; found something else/)
  t.match(
    problems.find(({ name }) => name === 'c')?.reason,
    /expected recordings c\.PARTY\.jsonl beside it, found none/,
  )
  t.match(problems.find(({ name }) => name === 'd.memory.json')?.reason, /expected a memory map/)
  t.equal(problems.length, 5)
})
