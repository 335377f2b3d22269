/** Play, step and scrub. */
import { useEffect } from 'preact/hooks'
import { axis, following, goTo, lastStep, playing, rate, step } from './state.ts'

const rates = [2, 8, 32, 128] as const

/** Advances while it plays: by the clock, so that a slow frame skips moments and not time. */
const usePlayback = () => {
  const isPlaying = playing.value
  const stepsPerSecond = rate.value
  useEffect(() => {
    if (!isPlaying) return undefined
    let frame = 0
    const begun = performance.now()
    const from = step.value
    const advance = (now: number) => {
      const next = from + Math.floor(((now - begun) / 1000) * stepsPerSecond)
      if (next !== step.value) goTo(next)
      if (step.value >= lastStep.value) playing.value = false
      else frame = requestAnimationFrame(advance)
    }
    frame = requestAnimationFrame(advance)
    return () => cancelAnimationFrame(frame)
  }, [isPlaying, stepsPerSecond])
}

const icons = {
  first: 'M3 3v10M13 3 5 8l8 5z',
  back: 'M12 3 4 8l8 5z',
  play: 'M4 2.5v11L13 8z',
  pause: 'M5 3v10M11 3v10',
  on: 'M4 3l8 5-8 5z',
  last: 'M13 3v10M3 3l8 5-8 5z',
} as const

const Icon = ({ name }: { readonly name: keyof typeof icons }) => (
  <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
    <path d={icons[name]} fill="currentColor" stroke="currentColor" stroke-width="2" stroke-linejoin="round" />
  </svg>
)

/** Starts, from the beginning if the end was reached; or stops. */
export const togglePlay = (): void => {
  if (!playing.value && step.value >= lastStep.value) step.value = 0
  playing.value = !playing.value
  following.value = false
}

export const Transport = ({
  what,
  hasAxis,
  position,
}: {
  readonly what: string
  readonly hasAxis: boolean
  readonly position: string
}) => {
  usePlayback()
  const last = lastStep.value
  return (
    <div class="transport" role="group" aria-label="Playback">
      <button type="button" class="tool" onClick={() => goTo(0)} aria-label="First" title="First (Home)">
        <Icon name="first" />
      </button>
      <button
        type="button"
        class="tool"
        onClick={() => goTo(step.value - 1)}
        aria-label="Step back"
        title="Step back (←)"
      >
        <Icon name="back" />
      </button>
      <button
        type="button"
        class="tool play"
        onClick={togglePlay}
        aria-label={playing.value ? 'Pause' : 'Play'}
        title={playing.value ? 'Pause (Space)' : 'Play (Space)'}
      >
        <Icon name={playing.value ? 'pause' : 'play'} />
      </button>
      <button type="button" class="tool" onClick={() => goTo(step.value + 1)} aria-label="Step on" title="Step on (→)">
        <Icon name="on" />
      </button>
      <button type="button" class="tool" onClick={() => goTo(last)} aria-label="Last" title="Last (End)">
        <Icon name="last" />
      </button>
      <input
        class="scrubber"
        type="range"
        min={0}
        max={last}
        value={step.value}
        aria-label={what}
        aria-valuetext={`${step.value + 1} of ${last + 1}. ${position}`}
        onInput={({ currentTarget }) => {
          playing.value = false
          goTo(Number(currentTarget.value))
        }}
      />
      <output class="position">
        {step.value + 1} / {last + 1}
      </output>
      <label class="choice">
        <span>Speed</span>
        <select value={rate.value} onChange={({ currentTarget }) => (rate.value = Number(currentTarget.value))}>
          {rates.map((each) => (
            <option value={each}>{each} steps/s</option>
          ))}
        </select>
      </label>
      {hasAxis && (
        <label class="choice">
          <span>Axis</span>
          <select
            value={axis.value}
            onChange={({ currentTarget }) => (axis.value = currentTarget.value === 'order' ? 'order' : 'time')}
          >
            <option value="time">time</option>
            <option value="order">order</option>
          </select>
        </label>
      )}
    </div>
  )
}
