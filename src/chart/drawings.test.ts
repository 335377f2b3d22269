/** What we draw, a browser reads: SVG by its own parser, Mermaid by Mermaid. The same states and transitions, counted. */
import t from 'tap'
import { path } from '../view/testing/items.ts'
import { setStage, skipReason } from '../view/testing/browser.ts'
import { chartModel, chartNamed, chartNames, layOut, mermaidId, mermaidOf, svgOf } from './index.ts'

/** What the page does for the test. */
const inPage = `
  globalThis.readSvg = (text) => {
    const document = new DOMParser().parseFromString(text, 'image/svg+xml')
    const all = (name) => [...document.querySelectorAll('[' + name + ']')].map((each) => each.getAttribute(name)).sort()
    return {
      error: document.querySelector('parsererror')?.textContent ?? '',
      states: all('data-state'),
      transitions: all('data-transition'),
    }
  }
  globalThis.drawMermaid = async (text) => {
    const { svg } = await mermaid.render('drawn', text)
    const drawn = new DOMParser().parseFromString(svg, 'text/html')
    return {
      edges: drawn.querySelectorAll('.edgePaths path, path.transition').length,
      text: drawn.body.textContent,
    }
  }`

t.test('the browser reads every SVG, Mermaid every Mermaid text', { skip: skipReason }, async (t) => {
  const stage = await setStage(t)
  const page = await stage.browser.newPage()
  await page.goto('about:blank')
  await page.addScriptTag({ path: path('../../node_modules/mermaid/dist/mermaid.min.js') })
  await page.evaluate('mermaid.initialize({ startOnLoad: false, maxTextSize: 1e6, maxEdges: 5000 })')
  await page.evaluate(inPage)
  for (const name of chartNames) {
    const machine = chartNamed(name, { profile: '7.2' })
    if (machine === undefined) continue
    const chart = chartModel(machine)
    const states = chart.states.map(({ id }) => id).sort()
    const transitions = chart.transitions.map(({ id }) => id).sort()
    for (const terse of name === 'process' ? [false] : [false, true]) {
      const svg = svgOf(chart, await layOut(chart, new Set(), terse))
      const found = await page.evaluate(`readSvg(${JSON.stringify(svg)})`)
      t.strictSame(found, { error: '', states, transitions }, `${name} as SVG`)
    }
    const drawn = (await page.evaluate(`drawMermaid(${JSON.stringify(mermaidOf(chart))})`)) as {
      readonly edges: number
      readonly text: string
    }
    const starts = chart.states.filter(({ initial }) => initial !== undefined).length
    const targets = chart.transitions.reduce((sum, { to }) => sum + Math.max(to.length, 1), 0)
    t.equal(drawn.edges, targets + starts, `${name} as Mermaid: ${targets} transitions, ${starts} starts`)
    for (const state of chart.states) t.ok(drawn.text.includes(state.name), `${mermaidId(state.id)} is drawn`)
    t.comment(`${name}: ${states.length} states, ${transitions.length} transitions in SVG and Mermaid`)
  }
  await page.close()
})
