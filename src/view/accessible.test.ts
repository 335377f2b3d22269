/** Nothing on the page keeps anyone out: axe looks at every kind of item, in light and in dark. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { keepPicture, setStage, skipReason } from './testing/browser.ts'
import { corrupted, counterexample, graph, matrix, openPage, race, read, verdictText } from './testing/items.ts'

const seriousViolations = async (page: Page): Promise<readonly string[]> => {
  await page.evaluate(read('../../node_modules/axe-core/axe.min.js'))
  const { violations } = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as {
    readonly violations: readonly {
      readonly id: string
      readonly impact: string
      readonly nodes: readonly { readonly html: string }[]
    }[]
  }
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join('\n  ')}`)
}

t.test('axe finds nothing serious', { skip: skipReason }, async (t) => {
  const stage = await setStage(t)
  const files = [...race, ...corrupted, counterexample, graph, matrix]
  for (const scheme of ['light', 'dark'] as const) {
    const page = await openPage(t, stage, files, '#trace=race&step=30', scheme)
    for (const name of ['race', 'corrupted', 'split-brain', 'outgoing-graph', 'kills', '(charts)']) {
      await page.getByLabel('Shown').selectOption(name)
      if (name === 'race' || name === 'corrupted') await verdictText(page)
      await page.locator('main').waitFor()
      t.strictSame(await seriousViolations(page), [], `${name}, ${scheme}`)
      await keepPicture(page, `${name.replaceAll(/\W/g, '')}-${scheme}`)
    }
    await page.close()
  }
})
