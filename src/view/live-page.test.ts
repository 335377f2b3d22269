/** The page follows a live process: two of our own, a migration between them that is started from the page. */
import { spawn, type ChildProcess } from 'node:child_process'
import t from 'tap'
import { keepPicture, setStage, skipReason } from './testing/browser.ts'
import { path, verdictText } from './testing/items.ts'

t.test('a live process is followed', { skip: skipReason }, async (t) => {
  const stage = await setStage(t)
  const main = path('../cli/main.ts')
  const children: ChildProcess[] = []
  t.teardown(() => children.forEach((child) => child.kill('SIGKILL')))
  const start = (...args: readonly string[]): Promise<readonly Record<string, string>[]> => {
    const child = spawn(process.execPath, [main, ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    const wanted = args.includes('--incoming') ? 2 : 1
    return new Promise((resolve, reject) => {
      let text = ''
      child.stdout?.on('data', (data: Buffer) => {
        text += data.toString()
        const lines = text.split('\n').slice(0, -1)
        if (lines.length >= wanted) resolve(lines.map((line) => JSON.parse(line) as Record<string, string>))
      })
      child.once('exit', (code) => reject(new Error(`${args[0]} ended with ${code}`)))
    })
  }
  const guest = ['--guest', 'write:size=16M,working-set=1M,rate=500']
  const [source, destination] = await Promise.all([
    start('serve', ...guest),
    start('serve', ...guest, '--incoming', 'tcp:127.0.0.1:0'),
  ])
  const address = (lines: readonly Record<string, string>[], key: string): string =>
    lines.find((line) => key in line)?.[key] ?? ''
  const [view] = await start(
    'view',
    '--no-open',
    '--poll',
    '100',
    '--qmp',
    address(source, 'qmp'),
    '--qmp',
    address(destination, 'qmp'),
  )
  const page = await stage.browser.newPage({ viewport: { width: 1500, height: 950 } })
  page.on('pageerror', (error) => t.fail(error.message))
  await page.goto(view?.['url'] ?? '')
  await page.getByText('connected', { exact: true }).waitFor()
  await page.getByRole('textbox', { name: 'Command' }).fill(`migrate {"uri": "${address(destination, 'incoming')}"}`)
  await page.getByRole('button', { name: 'Send' }).click()
  const state = (party: string, name: string) =>
    page.getByRole('region', { name: party, exact: true }).locator(`[data-state="process.${name}"].lit`)
  await state('Source', 'outgoing.completed').waitFor({ timeout: 20_000 })
  await state('Destination', 'incoming.completed').waitFor({ timeout: 20_000 })
  t.match(await verdictText(page), /Conforms/)
  t.equal(await page.getByRole('alert').count(), 0)
  await keepPicture(page, 'live')
  await page.close()
  const bare = new URL('/', view?.['url'] ?? '')
  t.equal((await fetch(bare)).status, 404, 'without the secret there is nothing')
})
