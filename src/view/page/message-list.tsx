/** All messages in words: the same as the lanes, for reading and for whoever does not see them. Only what is in sight is in the tree. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Moment, MomentKind } from '../time-line.ts'
import { goTo, playing, step } from './state.ts'
import type { TraceModel } from './trace-model.ts'
import { secondsText } from './units.ts'

const ROW = 26
const OVERSCAN = 6

const signs: Readonly<Record<MomentKind, string>> = {
  command: '▶',
  reply: '•',
  refusal: '✕',
  event: '◆',
  greeting: '•',
}

const kinds: Readonly<Record<MomentKind, string>> = {
  command: 'command',
  reply: 'reply',
  refusal: 'refused',
  event: 'event',
  greeting: 'greeting',
}

const Message = ({
  moment,
  index,
  party,
  selected,
  rejected,
}: {
  readonly moment: Moment
  readonly index: number
  readonly party: string
  readonly selected: boolean
  readonly rejected: boolean
}) => (
  <div
    id={`message-${index}`}
    role="option"
    aria-selected={selected}
    class={`message ${moment.kind}${selected ? ' selected' : ''}${rejected ? ' rejected' : ''}`}
    style={{ top: `${index * ROW}px` }}
    onClick={() => goTo(index)}
  >
    <span class="message-time">{secondsText(moment.seconds)}</span>
    <span class={`message-party party-${moment.party % 4}`}>{party}</span>
    <span class="message-sign" aria-hidden="true">
      {signs[moment.kind]}
    </span>
    <span class="visually-hidden">
      {kinds[moment.kind]}
      {rejected ? ', not explained,' : ''}
    </span>
    <span class="message-title">{moment.title}</span>
    <span class="message-detail">{moment.detail}</span>
  </div>
)

export const MessageList = ({
  model,
  rejectedAt,
}: {
  readonly model: TraceModel
  readonly rejectedAt: number | undefined
}) => {
  const { moments, parties } = model.timeLine
  const box = useRef<HTMLDivElement>(null)
  const [scroll, setScroll] = useState({ top: 0, height: 400 })
  const at = step.value

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const measure = () => setScroll({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    measure()
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const top = at * ROW
    if (top < element.scrollTop || top + ROW > element.scrollTop + element.clientHeight)
      element.scrollTop = top - element.clientHeight / 2
  }, [at])

  const first = Math.max(0, Math.floor(scroll.top / ROW) - OVERSCAN)
  const last = Math.min(moments.length, Math.ceil((scroll.top + scroll.height) / ROW) + OVERSCAN)
  const onKey = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(scroll.height / ROW) - 1)
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key]
    if (by === undefined) return
    playing.value = false
    goTo(at + by)
    event.preventDefault()
    event.stopPropagation()
  }
  return (
    <div
      class="messages"
      ref={box}
      role="listbox"
      tabIndex={0}
      aria-label="Messages"
      aria-activedescendant={`message-${at}`}
      onKeyDown={onKey}
      onScroll={({ currentTarget }) => setScroll({ top: currentTarget.scrollTop, height: currentTarget.clientHeight })}
    >
      <div class="messages-room" role="presentation" style={{ height: `${moments.length * ROW}px` }}>
        {moments.slice(first, last).map((moment, offset) => (
          <Message
            key={first + offset}
            moment={moment}
            index={first + offset}
            party={parties[moment.party]?.name ?? ''}
            selected={first + offset === at}
            rejected={first + offset === rejectedAt}
          />
        ))}
      </div>
    </div>
  )
}
