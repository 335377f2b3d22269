/** `switchover chart` and `switchover view` as commands: what they print, and how they end. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const race = fileURLToPath(new URL('../../traces/7.2/cancel-race-nodisk-1.dst.jsonl', import.meta.url))

const run = (...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  return { status, stdout, stderr }
}

t.test('without a name all charts are listed', async (t) => {
  const { status, stdout } = run('chart', '--json')
  t.equal(status, 0)
  t.ok((JSON.parse(stdout) as readonly { name: string }[]).some(({ name }) => name === 'outgoing'))
})

t.test('a chart, with what a profile changes', async (t) => {
  const { status, stdout } = run('chart', 'outgoing', '--format', 'scxml', '--profile', '7.2', '--diff', '2.11')
  t.equal(status, 0)
  t.match(stdout, /^<\?xml /)
  t.match(stdout, /id="outgoing.wait-unplug"[^>]* switchover:only="7.2"/)
})

t.test('what makes no sense is wrong usage, and says what would have been right', async (t) => {
  for (const [args, said] of [
    [['chart', 'nope'], /expected one of .*outgoing.*; found nope/],
    [['chart', 'outgoing', '--quirk', 'h99'], /expected all or one of .*; found h99/],
    [['view', '--qmp', 'nowhere'], /expected unix:PATH or tcp:HOST:PORT, found nowhere/],
  ] as const) {
    const { status, stderr } = run(...args)
    t.equal(status, 2, args.join(' '))
    t.match(stderr, said)
  }
})

t.test('a page as one file, from any file of a scenario', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'switchover-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'page.html')
  const { status, stdout } = run('view', race, '--output', file, '--json')
  t.equal(status, 0)
  t.match(JSON.parse(stdout), { file, items: ['cancel-race-nodisk-1'] })
  const html = readFileSync(file, 'utf8')
  t.match(html, /^<!doctype html>/)
  t.notMatch(html, /(?:src|href)="(?!data:)/, 'nothing is loaded from elsewhere')
})

t.test('a file of no known kind, and a process that is not there', async (t) => {
  const unknown = run('view', main, '--output', '/nowhere/page.html')
  t.equal(unknown.status, 1)
  t.match(unknown.stderr, /main\.ts: expected QMP recordings .*; found something else/)
  const gone = run('view', '--no-open', '--qmp', 'unix:/nowhere/qmp.sock')
  t.equal(gone.status, 1)
  t.match(gone.stderr, /cannot connect to unix:\/nowhere\/qmp\.sock/)
})
