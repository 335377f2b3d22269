/** Starts the page; in a worker, where the same script runs, answers the page's questions instead. */
import { render } from 'preact'
import { chartStyle } from '../../chart/svg.ts'
import { answerQuestions } from './analyst.ts'
import { App } from './app.tsx'
import { embeddedCharts, embeddedFiles, embeddedLive } from './embedded.ts'
import { followLive } from './live.ts'
import { keepAddress, library, open, readAddress } from './state.ts'
import './style.css'

const start = async (): Promise<void> => {
  const root = document.getElementById('page')
  if (root === null) return
  // Before the page's own style, which says what a trace does to a chart.
  const style = document.createElement('style')
  style.textContent = chartStyle
  document.head.prepend(style)
  render(<App />, root)
  const live = embeddedLive()
  if (live !== undefined) followLive(live)
  const [charts, files] = await Promise.all([embeddedCharts(), embeddedFiles()])
  library.value = charts
  if (files.length > 0) open(files)
  readAddress()
  addEventListener('hashchange', readAddress)
  keepAddress()
  // What was opened is on the screen and answers: two frames later everything has been painted.
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark('interactive')))
}

if (typeof document === 'undefined') answerQuestions()
else void start()
