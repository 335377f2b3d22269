/**
 * Makes the pictures of the README anew: `npm run pictures`. A chart is printed, a migration is recorded, and the page is
 * looked at in a browser, all by the tool itself.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { browserPath, skipReason } from '../../src/view/testing/browser.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const switchover = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [path('../../src/cli/main.ts'), ...args], { encoding: 'utf8', maxBuffer: 1 << 26 })

if (browserPath === undefined) {
  console.error(skipReason)
  process.exit(1)
}

const folder = mkdtempSync(join(tmpdir(), 'switchover-pictures-'))
const recording = join(folder, 'precopy')
switchover(
  'migrate',
  '--guest',
  'write:rate=8000,working-set=32M,size=128M',
  '--max-bandwidth',
  '100M',
  '--trace',
  recording,
)
const page = join(folder, 'view.html')
switchover('view', path('../../traces/7.2/cancel-race-nodisk-1.src.jsonl'), `${recording}.src.jsonl`, '--output', page)
writeFileSync(path('outgoing.svg'), switchover('chart', 'outgoing', '--format', 'svg', '--collapse'))

const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu'] })

/** Opens the page at an address, does something there, and takes a picture. */
const picture = async (
  name: string,
  colorScheme: 'light' | 'dark',
  hash: string,
  act: (page: Page) => Promise<unknown> = async () => {},
): Promise<void> => {
  const shown = await browser.newPage({ viewport: { width: 1520, height: 1000 }, colorScheme })
  await shown.goto(`${pathToFileURL(page).href}${hash}`)
  await shown.locator('.verdict:not(.pending)').waitFor()
  await act(shown)
  await shown.screenshot({ path: path(`${name}.png`) })
  await shown.close()
}

const race = '#trace=cancel-race-nodisk-1&step=35&axis=order'
await picture('race-light', 'light', race)
await picture('race-dark', 'dark', race)
await picture('memory', 'light', '#trace=precopy&step=40', (shown) =>
  shown.getByRole('button', { name: 'Memory', exact: true }).click(),
)
await browser.close()
rmSync(folder, { recursive: true })
