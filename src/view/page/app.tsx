/** The page: what is open, what of it is shown, and the keys that work everywhere. */
import type { ComponentType } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { knownFormats, type ViewItem } from '../open-files.ts'
import { ChartsPage } from './charts-page.tsx'
import { GraphPage } from './graph-page.tsx'
import { LiveBar } from './live-bar.tsx'
import { isLive } from './live.ts'
import { MatrixPage } from './matrix-page.tsx'
import {
  chartsName,
  current,
  goTo,
  isDark,
  items,
  lastStep,
  open,
  playing,
  problems,
  show,
  shown,
  step,
  theme,
} from './state.ts'
import { TracePage } from './trace-page.tsx'
import { togglePlay } from './transport.tsx'
import { VariablesPage } from './variables-page.tsx'

const kindNames: Readonly<Record<ViewItem['kind'], string>> = {
  trace: 'Traces',
  variables: 'Counterexamples',
  'state-graph': 'State graphs',
  'kill-matrix': 'Kill matrices',
}

const pages: Readonly<Record<ViewItem['kind'], ComponentType>> = {
  trace: TracePage,
  variables: VariablesPage,
  'state-graph': GraphPage,
  'kill-matrix': MatrixPage,
}

const openList = async (list: FileList | null): Promise<void> => {
  if (list === null || list.length === 0) return
  const files = [...list].map(async (file) => ({ name: file.name, text: await file.text() }))
  open(await Promise.all(files))
}

/** Drop files anywhere. */
const useDrop = () => {
  const [over, setOver] = useState(false)
  useEffect(() => {
    const stop = new AbortController()
    const options = { signal: stop.signal }
    addEventListener(
      'dragover',
      (event) => {
        event.preventDefault()
        setOver(true)
      },
      options,
    )
    addEventListener('dragleave', (event) => event.relatedTarget === null && setOver(false), options)
    addEventListener(
      'drop',
      (event) => {
        event.preventDefault()
        setOver(false)
        void openList(event.dataTransfer?.files ?? null)
      },
      options,
    )
    return () => stop.abort()
  }, [])
  return over
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('input[type=text], input[type=search], select, textarea') !== null

const keys: Readonly<Record<string, () => void>> = {
  ArrowRight: () => goTo(step.value + 1),
  ArrowLeft: () => goTo(step.value - 1),
  Home: () => goTo(0),
  End: () => goTo(lastStep.value),
  ' ': togglePlay,
}

const useKeys = (help: () => void) =>
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.key === '?') return help()
      if (event.key === ' ' && event.target instanceof HTMLButtonElement) return
      const act = keys[event.key]
      if (act === undefined) return
      if (event.key !== ' ') playing.value = false
      act()
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])

const useTheme = () => {
  const chosen = theme.value
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)')
    const apply = () => (isDark.value = chosen === 'dark' || (chosen === 'system' && dark.matches))
    apply()
    dark.addEventListener('change', apply)
    return () => dark.removeEventListener('change', apply)
  }, [chosen])
}

const nextTheme = { system: 'light', light: 'dark', dark: 'system' } as const
const themeNames = { system: '◐ system', light: '○ light', dark: '● dark' } as const

const Help = ({ dialog }: { readonly dialog: { readonly current: HTMLDialogElement | null } }) => (
  <dialog ref={dialog} class="help" aria-labelledby="help-title">
    <h2 id="help-title">Keys</h2>
    <dl class="facts">
      <dt>← →</dt>
      <dd>a step back, a step on</dd>
      <dt>Space</dt>
      <dd>play, pause</dd>
      <dt>Home End</dt>
      <dd>first, last</dd>
      <dt>Tab</dt>
      <dd>into a chart, at its current state; arrow keys to its neighbours, Enter opens and closes</dd>
      <dt>+ − 0</dt>
      <dd>in a chart: larger, smaller, all of it; Shift with an arrow key moves it</dd>
      <dt>wheel</dt>
      <dd>zooms charts and lanes; with Shift it moves the lanes; a double click shows all again</dd>
    </dl>
    <form method="dialog">
      <button class="tool">Close</button>
    </form>
  </dialog>
)

const Empty = ({ choose }: { readonly choose: () => void }) => (
  <div class="drop-hint">
    <p>
      <strong>Nothing is open yet.</strong> Drop files here, or{' '}
      <button type="button" class="link" onClick={choose}>
        choose some
      </button>
      :
    </p>
    <ul>
      {knownFormats.map((format) => (
        <li>{format}</li>
      ))}
    </ul>
  </div>
)

const Problems = () =>
  problems.value.length === 0 ? null : (
    <div class="problems" role="alert">
      <ul>
        {problems.value.map(({ name, reason }) => (
          <li>
            <strong>{name}</strong>: {reason}
          </li>
        ))}
      </ul>
      <button type="button" class="tool" onClick={() => (problems.value = [])}>
        Dismiss
      </button>
    </div>
  )

const Chooser = () => (
  <label class="chooser">
    <span class="visually-hidden">Shown</span>
    <select value={shown.value} onChange={({ currentTarget }) => show(currentTarget.value)}>
      {(Object.keys(kindNames) as ViewItem['kind'][]).map((kind) => {
        const some = items.value.filter((item) => item.kind === kind)
        return some.length === 0 ? null : (
          <optgroup label={kindNames[kind]}>
            {some.map(({ name }) => (
              <option value={name}>{name}</option>
            ))}
          </optgroup>
        )
      })}
      <optgroup label="Charts">
        <option value={chartsName}>all charts</option>
      </optgroup>
    </select>
  </label>
)

export const App = () => {
  const picker = useRef<HTMLInputElement>(null)
  const help = useRef<HTMLDialogElement>(null)
  const over = useDrop()
  useKeys(() => help.current?.showModal())
  useTheme()
  const item = current.value
  const Page = item === undefined ? ChartsPage : pages[item.kind]
  const choose = () => picker.current?.click()
  return (
    <>
      <header class="top">
        <h1>
          <svg width="22" height="16" viewBox="0 0 22 16" aria-hidden="true">
            <path
              d="M1 4h9c4 0 4 8 8 8h2m-3-3 3 3-3 3M1 12h5"
              fill="none"
              stroke="currentColor"
              stroke-width="2"
              stroke-linecap="round"
              stroke-linejoin="round"
            />
          </svg>
          switchover
        </h1>
        <Chooser />
        <button type="button" class="tool" onClick={choose}>
          Open …
        </button>
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-hidden="true"
          onChange={({ currentTarget }) => void openList(currentTarget.files).then(() => (currentTarget.value = ''))}
        />
        <span class="spring" />
        {isLive.value && <span class="badge live">live</span>}
        <button
          type="button"
          class="tool"
          onClick={() => (theme.value = nextTheme[theme.value])}
          aria-label={`Colours: ${theme.value}`}
        >
          {themeNames[theme.value]}
        </button>
        <button type="button" class="tool" onClick={() => help.current?.showModal()} aria-label="Help" title="Keys (?)">
          ?
        </button>
      </header>
      <Problems />
      <LiveBar />
      {items.value.length === 0 && <Empty choose={choose} />}
      <Page />
      <Help dialog={help} />
      {over && <div class="drop-target">Drop to open</div>}
    </>
  )
}
