/**
 * A live process: its messages come as server-sent events, become a recording, and are held against the charts again and
 * again while they come. Commands go back over the same server.
 */
import { computed, signal } from '@preact/signals'
import { Result } from 'effect'
import { parseRecording, type RecordedMessage, type Recording } from '../../trace/recording.ts'
import { makeScenario } from '../../trace/scenario.ts'
import type { LiveMessage, LiveSource } from '../live-message.ts'
import { analyseElsewhere } from './analyst.ts'
import { replaceItem, show } from './state.ts'

/** How long messages are gathered before the page is brought up to date. */
const GATHER_MILLIS = 120

/** What is known of the connection; undefined where the page shows no live process. */
export const connection = signal<'connecting' | 'open' | 'lost' | undefined>(undefined)
export const liveParties = signal<readonly string[]>([])
export const isLive = computed(() => connection.value !== undefined)

const LIVE = 'live'

class LiveScenario {
  private readonly parties: readonly string[]
  private readonly messages = new Map<string, RecordedMessage[]>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private isBusy = false
  private hasMore = false

  constructor(parties: readonly string[]) {
    this.parties = parties
    for (const party of parties) this.messages.set(party, [])
  }

  add({ party, line }: LiveMessage): void {
    const known = this.messages.get(party)
    if (known === undefined) return
    const parsed = parseRecording(party, line)
    if (Result.isFailure(parsed)) return
    for (const message of parsed.success.messages) known.push({ ...message, line: known.length + 1 })
    this.timer ??= setTimeout(() => void this.update(), GATHER_MILLIS)
  }

  private recordingOf(party: string): Recording {
    const messages = [...(this.messages.get(party) ?? [])]
    const [greeting] = messages
    const version = greeting?.dir === '<-' && 'QMP' in greeting.msg ? greeting.msg.QMP.version.qemu.major : undefined
    return {
      file: `${party}.live`,
      messages,
      profile: version === undefined ? undefined : version <= 2 ? '2.11' : '7.2',
    }
  }

  private async update(): Promise<void> {
    this.timer = undefined
    if (this.isBusy) {
      this.hasMore = true
      return
    }
    this.isBusy = true
    const scenario = makeScenario(
      LIVE,
      this.parties.map((party) => [party, this.recordingOf(party)]),
    )
    const analysis = await analyseElsewhere(scenario).catch(() => undefined)
    replaceItem({ name: LIVE, kind: 'trace', scenario, memory: undefined }, analysis)
    this.isBusy = false
    if (!this.hasMore) return
    this.hasMore = false
    this.timer = setTimeout(() => void this.update(), GATHER_MILLIS)
  }
}

/** Follows the processes that the server watches. */
export const followLive = ({ parties, path }: LiveSource): void => {
  liveParties.value = parties
  connection.value = 'connecting'
  const scenario = new LiveScenario(parties)
  replaceItem(
    {
      name: LIVE,
      kind: 'trace',
      memory: undefined,
      scenario: makeScenario(
        LIVE,
        parties.map((party) => [party, { file: `${party}.live`, messages: [], profile: undefined }]),
      ),
    },
    undefined,
  )
  show(LIVE)
  const source = new EventSource(`${path}events`)
  source.addEventListener('open', () => (connection.value = 'open'))
  source.addEventListener('message', ({ data }) => scenario.add(JSON.parse(String(data)) as LiveMessage))
  source.addEventListener('ended', () => {
    connection.value = 'lost'
    source.close()
  })
  source.addEventListener('error', () => (connection.value = source.readyState === 2 ? 'lost' : 'connecting'))
}

/** Sends a command; resolves with what was answered, in words. */
export const sendCommand = async (path: string, party: string, text: string): Promise<string> => {
  const answer = await fetch(`${path}command`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ party, text }),
  }).catch((error: unknown) => new Response(String(error), { status: 503 }))
  return answer.text()
}
