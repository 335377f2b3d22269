/** `switchover explore` as a process: what it prints, what it writes, and how it ends. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const entry = fileURLToPath(new URL('switchover.js', import.meta.url))

const run = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [entry, 'explore', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

t.test('the safe pair: every claim holds, exit code 0', async (t) => {
  const { status, stdout } = run('pair', '--json')
  t.equal(status, 0)
  const document = JSON.parse(stdout) as { properties: readonly { id: string; verdict: string }[] }
  t.match(document, { model: 'pair', complete: true, violations: [] })
  t.strictSame(
    document.properties.filter(({ verdict }) => verdict !== 'holds' && verdict !== 'seen'),
    [],
  )
  t.ok(document.properties.some(({ id }) => id === 'I1'))
})

t.test('a quirk: the shortest way in columns and a token, exit code 1; the token makes it again', async (t) => {
  const { status, stdout, stderr } = run('pair', '--profile', '7.2', '--quirk', 'h7')
  t.equal(status, 1)
  t.match(stderr, /1 claim is broken/)
  t.match(stdout, /breaks I13: /)
  const [, token = ''] = /again with switchover explore --replay (\S+)/.exec(stdout) ?? []
  const again = run('--replay', token)
  t.equal(again.status, 1)
  t.match(again.stderr, /I13 is broken/)
  t.match(again.stdout, /> emitMigration cancelling/)
  t.match(run('--replay', token, '--format', 'mermaid').stdout, /^sequenceDiagram/)
})

t.test('every form of a counterexample is written', async (t) => {
  const directory = t.testdir()
  t.equal(run('pair', '--quirk', 'h4', '--out', directory).status, 1)
  const files = readdirSync(directory)
  for (const ending of [
    'txt',
    'itf.json',
    'src.jsonl',
    'dst.jsonl',
    'meta.json',
    'mmd',
    'test.ts',
    'trail.json',
    'token',
  ])
    t.ok(
      files.some((name) => name.endsWith(`.${ending}`)),
      ending,
    )
  const replayed = spawnSync(process.execPath, [
    entry,
    'replay',
    join(
      directory,
      files.find((name) => name.endsWith('.src.jsonl'))!,
    ),
  ])
  t.equal(replayed.status, 0)
  t.match(
    readFileSync(
      join(
        directory,
        files.find((name) => name.endsWith('.token'))!,
      ),
      'utf8',
    ),
    /^switchover-explore:pair/,
  )
})

t.test('wrong usage: exit code 2, with what was expected', async (t) => {
  for (const [args, expected] of [
    [['nothing'], /expected one of outgoing, .* found nothing/],
    [['pair', '--property', 'I99'], /expected one of the properties I1, .* found I99/],
    [['pair', '--capabilities', 'telepathy'], /expected none, or pause, postcopy, colo/],
    [['pair', '--quirk', 'x1'], /--quirk: expected all or one of/],
    [['--replay', 'nonsense'], /expected a token that switchover explore has printed/],
  ] as const) {
    const { status, stderr } = run(...args)
    t.equal(status, 2, args.join(' '))
    t.match(stderr, expected)
  }
})
