/** Items of every kind for the tests of the page, and how a page is opened with them. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import type { ViewFile } from '../open-files.ts'
import { pageFile } from '../page-file.ts'
import type { Stage } from './browser.ts'

export const path = (relative: string): string => fileURLToPath(new URL(`../${relative}`, import.meta.url))
export const read = (relative: string): string => readFileSync(path(relative), 'utf8')

const scenarioFiles = (folder: string, name: string, as = name, change = (text: string) => text): readonly ViewFile[] =>
  ['src.jsonl', 'dst.jsonl', 'meta.json'].map((part) => ({
    name: `${as}.${part}`,
    text: change(read(`../../traces/${folder}/${name}.${part}`)),
  }))

export const race = scenarioFiles('7.2', 'cancel-race-nodisk-1', 'race')
export const corrupted = scenarioFiles('2.11', 'idle_guest_pause', 'corrupted', (text) =>
  text.replace('"data": {"status": "device"}', '"data": {"status": "colo"}'),
)

/** A memory map as it would be beside the race: two passes over four cells. */
export const raceMemory: ViewFile = {
  name: 'race.memory.json',
  text: JSON.stringify({
    format: 'switchover-memory-1',
    party: 'src',
    blocks: [{ name: 'pc.ram', pages: 32, cells: 4 }],
    pagesPerCell: 8,
    passes: [
      {
        pass: 1,
        seconds: 0.2,
        fates: {
          dirty: btoa('\xff\xff\xff\xff'),
          sent: btoa('\xff\xff\x80\0'),
          zero: btoa('\0\0\x7f\xff'),
          requested: btoa('\0\0\0\0'),
        },
      },
      {
        pass: 2,
        seconds: 0.79,
        fates: {
          dirty: btoa('\x80\0\0\0'),
          sent: btoa('\x80\0\0\0'),
          zero: btoa('\0\0\0\0'),
          requested: btoa('\0\0\0\0'),
        },
      },
    ],
  }),
}

export const counterexample: ViewFile = {
  name: 'split-brain.itf.json',
  text: JSON.stringify({
    '#meta': { format: 'ITF', description: 'I1 is violated: both guests run' },
    vars: ['action', 'source.outgoing', 'source.guest', 'destination.guest'],
    states: [
      ['', 'none', 'running', 'inmigrate'],
      ['migrate', 'setup.connecting', 'running', 'inmigrate'],
      ['outgoing.connected', 'setup.starting', 'running', 'inmigrate'],
      ['outgoing.setup-done', 'active.iterating', 'running', 'inmigrate'],
      ['migrate_cancel', 'cancelling.ending', 'running', 'running'],
    ].map(([action, outgoing, guest, other]) => ({
      action,
      'source.outgoing': outgoing,
      'source.guest': guest,
      'destination.guest': other,
    })),
  }),
}

export const graph: ViewFile = {
  name: 'outgoing-graph.json',
  text: JSON.stringify({
    states: [
      { id: 0, values: { outgoing: 'none', guest: 'running' } },
      { id: 1, values: { outgoing: 'setup.connecting', guest: 'running' } },
      { id: 2, values: { outgoing: 'failed.ending', guest: 'running' } },
    ],
    edges: [
      { from: 0, to: 1, event: 'migrate' },
      { from: 1, to: 2, event: 'outgoing.connect-failed' },
    ],
    initial: [0],
  }),
}

export const matrix: ViewFile = {
  name: 'kills.json',
  text: JSON.stringify([
    { mutant: 'A1', title: 'cancel without compare-and-swap', kills: ['I5', 'I6'], missed: [], shortest: 4 },
    { mutant: 'A14', title: 'the bitmap of a cancelled run is kept', kills: ['I15'], missed: [], shortest: 6 },
    { mutant: 'Z9', title: 'survives', kills: [], missed: ['I9'] },
  ]),
}

/** Opens a page made for files; whatever it complains about fails the test. */
export const openPage = async (
  t: Test,
  { browser, folder }: Stage,
  files: readonly ViewFile[],
  hash = '',
  colorScheme: 'light' | 'dark' = 'light',
): Promise<Page> => {
  const file = join(folder, 'view.html')
  writeFileSync(file, await pageFile({ files }))
  const page = await browser.newPage({ viewport: { width: 1500, height: 950 }, colorScheme })
  page.setDefaultTimeout(15_000)
  page.on('pageerror', (error) => t.fail(error.message))
  page.on('console', (message) => message.type() === 'error' && t.fail(message.text()))
  page.on('request', (request) => {
    if (/^https?:/.test(request.url())) t.fail(`the page asked for ${request.url()}`)
  })
  await page.goto(`${pathToFileURL(file).href}${hash}`)
  return page
}

export const verdictText = (page: Page): Promise<string> =>
  page
    .locator('.verdict:not(.pending) h2')
    .textContent()
    .then((text) => text ?? '')
