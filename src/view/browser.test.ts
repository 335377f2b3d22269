/**
 * The page in a real browser: a recorded race is played and scrubbed, a corrupted recording shows where it leaves the model,
 * every kind of item opens, and ten thousand messages stay fluid. Pictures are kept in `.switchover/screenshots`.
 */
import type { Page } from 'playwright-core'
import t from 'tap'
import { bundleBytesMax, buildBundle } from './bundle.ts'
import { keepPicture, setStage, skipReason } from './testing/browser.ts'
import {
  corrupted,
  counterexample,
  graph,
  matrix,
  openPage,
  race,
  raceMemory,
  read,
  verdictText,
} from './testing/items.ts'
import { longTrace } from './testing/long-trace.ts'

/** The innermost current state of a party, as its chart shows it. */
const currentState = async (page: Page, party: string): Promise<string> => {
  const state = page.getByRole('region', { name: party, exact: true }).locator('.state.here').first()
  return (await state.getAttribute('data-state'))?.split('.').slice(2).join('.') ?? ''
}

const scrubTo = (page: Page, step: number): Promise<void> =>
  page.getByRole('slider', { name: 'Moment of the trace' }).fill(String(step - 1))

t.test('the bundle stays small', async (t) => {
  const { script, style } = await buildBundle()
  const bytes = Buffer.byteLength(script) + Buffer.byteLength(style)
  t.comment(`${bytes} bytes of script and style`)
  t.ok(bytes < bundleBytesMax, `${bytes} bytes`)
})

t.test('in a browser', { skip: skipReason }, async (t) => {
  const stage = await setStage(t)

  await t.test('a recorded cancel race is played, and its states light up', async (t) => {
    const page = await openPage(t, stage, race)
    t.match(await verdictText(page), /Explained only by known defects/)
    t.match(await page.locator('.quirks').textContent(), /h1.*a cancel after the last byte is accepted/)
    t.equal(await currentState(page, 'Source'), 'none')
    await page.getByLabel('Speed').selectOption('128')
    const seen = new Set<string>()
    await page.exposeFunction('sawState', (name: string) => seen.add(name))
    await page.evaluate(`{
      const chart = document.querySelector('.party .chart')
      const tell = () => sawState(chart.querySelector('.state.here')?.getAttribute('data-state') ?? '')
      new MutationObserver(tell).observe(chart, { subtree: true, attributeFilter: ['class'] })
    }`)
    await page.getByRole('button', { name: 'Play' }).click()
    await page.getByText('62 / 62').waitFor()
    t.equal(await currentState(page, 'Source'), 'cancelled')
    t.equal(await currentState(page, 'Destination'), 'completed')
    t.ok(seen.size >= 3, `lit while it played: ${[...seen].join(', ')}`)
    t.match(await page.locator('.party').first().locator('.tab').allTextContents(), [/cancelled/, /.*/, /running/])
    await keepPicture(page, 'race-played')
    await page.close()
  })

  await t.test('scrubbing goes anywhere, by slider, key, list and link', async (t) => {
    const page = await openPage(t, stage, race)
    await verdictText(page)
    await scrubTo(page, 30)
    t.equal(await currentState(page, 'Source'), 'pre-switchover')
    const source = page.getByRole('region', { name: 'Source', exact: true })
    t.ok((await source.locator('.arrow.taken').count()) >= 3, 'what was taken so far')
    t.ok((await source.locator('.arrow.never').count()) > 10, 'what never is')
    await scrubTo(page, 35)
    t.equal(await currentState(page, 'Source'), 'cancelling')
    t.equal(await source.locator('.arrow.now').count(), 1, 'the edge of this very moment')
    await page.keyboard.press('Home')
    t.equal(await currentState(page, 'Source'), 'none')
    await page.getByRole('listbox', { name: 'Messages' }).evaluate((list) => (list.scrollTop = 780))
    await page.getByRole('option', { name: /event MIGRATION cancelling/ }).click()
    t.equal(await currentState(page, 'Source'), 'cancelling')
    t.match(page.url(), /trace=race&step=35/)
    const other = await openPage(t, stage, race, '#trace=race&step=30&select=process.outgoing.device&axis=order')
    await verdictText(other)
    t.equal(await currentState(other, 'Source'), 'pre-switchover', 'a link carries trace and step')
    t.equal(await other.locator('[data-state="process.outgoing.device"].selected').count(), 1, 'and what is selected')
    await page.close()
    await other.close()
  })

  await t.test('a corrupted recording shows where it leaves the model', async (t) => {
    const page = await openPage(t, stage, corrupted)
    t.match(await verdictText(page), /Leaves the model/)
    const card = page.getByRole('region', { name: 'Verdict' })
    t.match(await card.locator('.seen').textContent(), 'MIGRATION colo')
    t.match(await card.locator('.allowed').textContent(), /MIGRATION device/)
    await card
      .getByRole('button', { name: /line \d+$/ })
      .first()
      .click()
    t.match(
      await page.getByRole('region', { name: 'The present message' }).locator('h2').textContent(),
      /MIGRATION colo/,
    )
    await card.getByText(/Shortest explanation/).click()
    t.match(await card.locator('.explanation li').allTextContents(), [/migrate-set-capabilities/, /.*/])
    await keepPicture(page, 'corrupted')
    await page.close()
  })

  await t.test('states open and close, by pointer and by keyboard', async (t) => {
    const page = await openPage(t, stage, race, '#trace=race&step=30')
    await verdictText(page)
    const source = page.getByRole('region', { name: 'Source', exact: true })
    t.equal(await source.locator('[data-state="process.outgoing.device.committing"]').count(), 0)
    await source.locator('[data-state="process.outgoing.pre-switchover"]').focus()
    await page.keyboard.press('Enter')
    t.equal(await source.locator('[data-state="process.outgoing.pre-switchover.precopy"].here').count(), 1)
    await source.getByRole('button', { name: 'Open all' }).click()
    t.ok(await source.locator('[data-state="process.outgoing.device.committing"]').isVisible())
    await source.getByRole('button', { name: 'Labels' }).click()
    t.match((await source.locator('text.transition.taken').allTextContents()).join(), /×1/)
    await keepPicture(page, 'opened')
    await source.getByRole('button', { name: 'Close all' }).click()
    await source.locator('[data-state="process.outgoing.pre-switchover"]').focus()
    await page.keyboard.press('ArrowDown')
    const focused = await page.evaluate(`document.activeElement.getAttribute('data-state')`)
    t.match(String(focused), /^process\.outgoing\.(?!pre-switchover)/, 'an arrow key goes to a neighbour')
    await page.close()
  })

  await t.test('a counterexample, a state graph and a kill matrix', async (t) => {
    const page = await openPage(t, stage, [counterexample, graph, matrix], '#trace=split-brain&step=5')
    t.match(await page.locator('tr.selected').textContent(), /migrate_cancel/)
    t.equal(await page.locator('tr.selected td.changed').count(), 2)
    await page.locator('[data-state="process.outgoing.cancelling"].here').waitFor()
    await keepPicture(page, 'counterexample')
    await page.getByLabel('Shown').selectOption('outgoing-graph')
    await page.getByPlaceholder(/outgoing=/).fill('outgoing=failed.ending')
    await page.getByRole('region', { name: 'States' }).getByRole('button').first().click()
    t.match(
      await page.getByRole('region', { name: 'A shortest way' }).textContent(),
      /migrate.*outgoing\.connect-failed/s,
    )
    await keepPicture(page, 'state-graph')
    await page.getByLabel('Shown').selectOption('kills')
    t.match(await page.locator('.matrix-page header').textContent(), /3 mutants.*1 of them survive/s)
    t.equal(await page.locator('td.kill').count(), 3)
    await keepPicture(page, 'kill-matrix')
    await page.close()
  })

  await t.test('nothing is open, and files are dropped', async (t) => {
    const page = await openPage(t, stage, [])
    await page.getByText('Nothing is open yet.').waitFor()
    await page.locator('[data-state="process.outgoing.setup"]').click()
    t.match(
      await page.getByRole('complementary').textContent(),
      /A migration was accepted; the channel is being opened/,
    )
    await keepPicture(page, 'charts')
    await page
      .locator('input[type=file]')
      .setInputFiles([
        ...race.map(({ name, text }) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) })),
        { name: 'holiday.txt', mimeType: 'text/plain', buffer: Buffer.from('sun') },
      ])
    t.match(await verdictText(page), /Explained only by known defects/)
    t.match(await page.getByRole('alert').textContent(), /holiday\.txt: expected QMP recordings/)
    await page.close()
  })

  await t.test('memory by pass, where the trace has it', async (t) => {
    const page = await openPage(t, stage, [...race, raceMemory], '#trace=race&step=40')
    await verdictText(page)
    await page.getByRole('button', { name: 'Memory', exact: true }).click()
    t.match(await page.locator('.memory-labels li').allTextContents(), [
      /pass 1.*80\.1 KiB sent/,
      /pass 2.*16\.1 KiB sent/,
    ])
    t.match(await page.locator('.present-pass').textContent(), /pass 2/)
    const colours = await page.evaluate(`(() => {
      const canvas = document.querySelector('.memory canvas')
      const pixels = canvas.getContext('2d')
      const at = (column, row) => [...pixels.getImageData(canvas.width * (column + 0.5) / 4, 21 * row + 8, 1, 1).data].join()
      return [at(0, 0), at(3, 0), at(0, 1), at(3, 1)]
    })()`)
    t.equal(new Set(colours as readonly string[]).size, 4, 'sent, zero, half sent and clean look different')
    await keepPicture(page, 'memory')
    await page.close()
    const bare = await openPage(t, stage, race, '#trace=race')
    await verdictText(bare)
    t.equal(await bare.getByRole('button', { name: 'Memory', exact: true }).count(), 0)
    await bare.close()
  })

  await t.test('ten thousand messages', async (t) => {
    const text = longTrace(read('../../traces/2.11/idle_guest_precopy.src.jsonl'), 10_000)
    const page = await openPage(t, stage, [{ name: 'long.src.jsonl', text }])
    t.match(await verdictText(page), /./)
    t.equal(
      await page.getByRole('slider', { name: 'Moment of the trace' }).getAttribute('max'),
      String(text.split('\n').length - 1),
    )
    const times = (await page.evaluate(`(async () => {
      const mark = (name) => performance.getEntriesByName(name)[0]?.startTime
      const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve))
      const slider = document.querySelector('.scrubber')
      const frames = []
      let before = await nextFrame()
      for (let frame = 0; frame < 240; frame++) {
        slider.value = String((frame * 7919) % 10000)
        slider.dispatchEvent(new Event('input', { bubbles: true }))
        const now = await nextFrame()
        frames.push(now - before)
        before = now
      }
      frames.sort((a, b) => a - b)
      return {
        paint: mark('first-contentful-paint'),
        interactive: mark('interactive'),
        explained: mark('explained'),
        median: frames[120],
        p95: frames[228],
        worst: frames[239],
      }
    })()`)) as Readonly<Record<'paint' | 'interactive' | 'explained' | 'median' | 'p95' | 'worst', number | undefined>>
    const ms = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(1)} ms`
    t.comment(
      `10,000 messages: first paint ${ms(times.paint)}, interactive ${ms(times.interactive)}, explained ${ms(times.explained)}; ` +
        `scrubbing: median frame ${ms(times.median)}, p95 ${ms(times.p95)}, worst ${ms(times.worst)}`,
    )
    for (const value of Object.values(times)) t.ok(typeof value === 'number' && value >= 0)
    await keepPicture(page, 'ten-thousand')
    await page.close()
  })
})
