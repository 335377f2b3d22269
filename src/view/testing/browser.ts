/** A browser for tests: Debian's chromium, or a reason why there is none. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Test } from 'tap'

const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where the browser is; undefined where none is installed. */
export const browserPath = candidates.find((path) => existsSync(path))

/** Why a test that needs a browser is skipped; false where it is not. */
export const skipReason: string | false =
  browserPath === undefined ? `there is no browser: none of ${candidates.join(', ')}` : false

/** Starts it without a window. */
const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: browserPath ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })

/** A browser, and a folder for the pages that it shows. */
export interface Stage {
  readonly browser: Browser
  readonly folder: string
}

/** Both, until the test is over. */
export const setStage = async (t: Test): Promise<Stage> => {
  const stage = { browser: await launch(), folder: mkdtempSync(join(tmpdir(), 'switchover-view-')) }
  t.teardown(async () => {
    await stage.browser.close()
    rmSync(stage.folder, { recursive: true })
  })
  return stage
}

/** Where screenshots are kept, out of version control. */
const pictures = fileURLToPath(new URL('../../../.switchover/screenshots/', import.meta.url))

/** Keeps a picture of what is shown, for whoever wants to look. */
export const keepPicture = async (page: Page, name: string): Promise<void> => {
  mkdirSync(pictures, { recursive: true })
  await page.screenshot({ path: `${pictures}${name}.png` })
}
