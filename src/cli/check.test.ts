/** `switchover check` as a command: what it says and how it ends. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const main = fileURLToPath(new URL('main.ts', import.meta.url))

const check = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const result = spawnSync(process.execPath, [main, 'check', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...environment, NODE_OPTIONS: '' },
  })
  return { status: result.status, stdout: result.stdout, stderr: result.stderr }
}

t.test('the core holds its properties', (t) => {
  const { status, stdout } = check(['--system', 'core', '--runs', '5', '--json'])
  t.equal(status, 0)
  const lines = stdout.trim().split('\n')
  t.equal(lines.length, 3, 'a pair, a pair in COLO, and a storm of facts')
  for (const line of lines) t.match(JSON.parse(line), { suite: 'core', runs: 5, seed: 1 })
  t.end()
})

t.test('without a QEMU it says so', (t) => {
  const { status, stderr } = check(['--system', 'qemu'], { PATH: '/nowhere' })
  t.equal(status, 1)
  t.match(stderr, /there is no QEMU to check: qemu-system-x86_64/)
  t.end()
})

t.test('what makes no sense is wrong usage', (t) => {
  t.equal(check(['--replay', 'nonsense']).status, 2)
  t.end()
})
