import { Result } from 'effect'
import t from 'tap'
import { observe, parseRecording } from './index.ts'

const read = (...lines: readonly unknown[]) =>
  parseRecording(
    'a.src.jsonl',
    lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'),
  )

const event = (name: string) => ({ t: 0, dir: '<-', msg: { event: name } })

const poll = (status: string) => [
  { t: 0, dir: '->', msg: { execute: 'query-migrate' } },
  { t: 0, dir: '<-', msg: { return: { status } } },
]

const greeting = (major: number) => ({
  t: 0,
  dir: '<-',
  msg: { QMP: { version: { qemu: { major, minor: 2, micro: 0 }, package: '' }, capabilities: [] } },
})

t.test('the greeting tells the profile', async (t) => {
  t.equal(Result.getOrThrow(read(greeting(2))).profile, '2.11')
  t.equal(Result.getOrThrow(read(greeting(7))).profile, '7.2')
  t.equal(Result.getOrThrow(read({ t: 0, dir: '<-', msg: { event: 'STOP' } })).profile, undefined)
})

t.test('lines are counted from 1, empty ones too', async (t) => {
  const recording = Result.getOrThrow(read(greeting(2), '', { t: 1, dir: '->', msg: { execute: 'stop' } }, ''))
  t.strictSame(
    recording.messages.map((message) => message.line),
    [1, 3],
  )
})

t.test('a line that is no message is an error with its place', async (t) => {
  for (const wrong of [
    '{"t": 1',
    '[]',
    '{"t": 1, "dir": "<-", "msg": 5}',
    '{"t": 1, "dir": "up", "msg": {}}',
    'hello',
  ]) {
    const result = read(greeting(2), wrong)
    if (Result.isSuccess(result)) t.fail(`read ${wrong}`)
    else t.match(result.failure, { _tag: 'RecordingLineError', file: 'a.src.jsonl', line: 2, found: wrong })
  }
})

t.test('replies go to the oldest command, or to the one whose id they have', async (t) => {
  const recording = Result.getOrThrow(
    read(
      { t: 0, dir: '->', msg: { execute: 'stop' } },
      { t: 0, dir: '->', msg: { 'exec-oob': 'migrate-pause', id: 'x' } },
      { t: 0, dir: '<-', msg: { error: { class: 'GenericError', desc: 'no' }, id: 'x' } },
      { t: 0, dir: '<-', msg: { return: {} } },
    ),
  )
  const { list } = observe(recording)
  t.match(list[2], { kind: 'reply', command: { name: 'migrate-pause', reply: { ok: false, desc: 'no' } } })
  t.match(list[3], { kind: 'reply', command: { name: 'stop', reply: { ok: true } } })
})

t.test('polls with the same answer count once', async (t) => {
  const { list } = observe(
    Result.getOrThrow(read(...poll('setup'), ...poll('setup'), ...poll('active'), ...poll('setup'))),
  )
  t.equal(list.length, 6)
})

t.test('nothing is judged after a quit or a SHUTDOWN', async (t) => {
  t.equal(observe(Result.getOrThrow(read(event('STOP'), event('SHUTDOWN'), event('STOP')))).list.length, 1)
  const quit = { t: 0, dir: '->', msg: { execute: 'quit' } }
  t.equal(observe(Result.getOrThrow(read(event('STOP'), quit, event('STOP')))).list.length, 1)
})
