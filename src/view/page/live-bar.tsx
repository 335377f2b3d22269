/** Above a live trace: the state of the connection, and a line to send commands with. */
import { useState } from 'preact/hooks'
import { embeddedLive } from './embedded.ts'
import { connection, liveParties, sendCommand } from './live.ts'
import { following, goTo, lastStep } from './state.ts'

const words = { connecting: 'connecting …', open: 'connected', lost: 'the connection is closed' } as const

export const LiveBar = () => {
  const state = connection.value
  const [party, setParty] = useState('')
  const [text, setText] = useState('')
  const [answer, setAnswer] = useState('')
  const live = embeddedLive()
  if (state === undefined || live === undefined) return null
  const send = async () => {
    setAnswer('…')
    following.value = true
    setAnswer(await sendCommand(live.path, party || (liveParties.value[0] ?? ''), text))
  }
  return (
    <form
      class="live-bar"
      aria-label="Live process"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <span class={`connection ${state}`}>
        <span class="dot" aria-hidden="true" /> {words[state]}
      </span>
      <label class="choice check">
        <input
          type="checkbox"
          checked={following.value}
          onChange={({ currentTarget }) => {
            following.value = currentTarget.checked
            if (currentTarget.checked) goTo(lastStep.value)
          }}
        />
        <span>follow</span>
      </label>
      {liveParties.value.length > 1 && (
        <label class="choice">
          <span class="visually-hidden">To</span>
          <select
            value={party || (liveParties.value[0] ?? '')}
            onChange={({ currentTarget }) => setParty(currentTarget.value)}
          >
            {liveParties.value.map((name) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      <label class="command-line">
        <span class="visually-hidden">Command</span>
        <input
          type="text"
          spellcheck={false}
          placeholder='migrate {"uri": "tcp:host:4444"}'
          value={text}
          disabled={state === 'lost'}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <button type="submit" class="tool" disabled={state === 'lost' || text.trim() === ''}>
        Send
      </button>
      <output class="answer" aria-live="polite">
        {answer}
      </output>
    </form>
  )
}
