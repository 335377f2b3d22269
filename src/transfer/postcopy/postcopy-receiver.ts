/**
 * The destination's half of postcopy: takes the commands of the source in the one order that they have, keeps which pages are
 * missing, and asks for those that the guest waits for. A page is placed once; what comes a second time is left alone, as the
 * guest may have written to it since.
 */
import { PAGE_BYTES, type GuestMemory, type PagePlace } from '../../memory/index.ts'
import type { Command, ReturnPathMessage } from '../../wire/index.ts'

/** Commands that only postcopy has. */
export type PostcopyCommand = Extract<Command, { name: `POSTCOPY_${string}` | 'PACKAGED' | 'RECV_BITMAP' }>

export const isOfPostcopy = (command: Command): command is PostcopyCommand =>
  command.name.startsWith('POSTCOPY_') || command.name === 'PACKAGED' || command.name === 'RECV_BITMAP'

/** How far it is: QEMU's PostcopyState. */
type State = 'none' | 'advised' | 'discarding' | 'listening' | 'running'

/** What a command is allowed in. */
const allowedIn: Readonly<Record<Exclude<PostcopyCommand['name'], 'RECV_BITMAP'>, readonly State[]>> = {
  POSTCOPY_ADVISE: ['none'],
  POSTCOPY_RAM_DISCARD: ['advised', 'discarding'],
  PACKAGED: ['advised', 'discarding'],
  POSTCOPY_LISTEN: ['advised', 'discarding'],
  POSTCOPY_RUN: ['listening'],
  POSTCOPY_RESUME: ['running'],
}

/** Why a command was refused. */
export interface PostcopyProblem {
  readonly message: string
  readonly expected: string
  readonly found: string
}

/** Requests that are handed to the channel at once. */
const REQUESTS_MAX = 16

export class PostcopyReceiver {
  readonly #memory: GuestMemory
  #state: State = 'none'
  /** Pages that were asked for on this channel and have not come, by block and page. */
  readonly #asked = new Set<string>()
  #again: PagePlace[] = []
  #lastAsked = -1
  /** The source knows what is missing. */
  #mayAsk = false

  constructor(memory: GuestMemory) {
    this.#memory = memory
  }

  get state(): State {
    return this.#state
  }

  /** Goes on where another channel broke. */
  goOn(): void {
    this.#state = 'running'
    this.#again = [...this.#memory.missing.outstanding()]
  }

  /** Takes a command; what is wrong with it, or undefined. */
  take(command: PostcopyCommand): PostcopyProblem | undefined {
    if (command.name === 'RECV_BITMAP') return undefined
    const allowed = allowedIn[command.name]
    if (!allowed.includes(this.#state))
      return {
        message: `CMD_${command.name} in wrong postcopy state (${this.#state})`,
        expected: allowed.join(' or '),
        found: this.#state,
      }
    switch (command.name) {
      case 'POSTCOPY_ADVISE':
        return this.#advise(command)
      case 'POSTCOPY_RAM_DISCARD':
        return this.#discard(command)
      case 'POSTCOPY_LISTEN':
        this.#memory.missing.begin()
        this.#state = 'listening'
        return undefined
      case 'POSTCOPY_RUN':
        this.#state = 'running'
        this.#mayAsk = true
        return undefined
      case 'POSTCOPY_RESUME':
        this.#mayAsk = true
        return undefined
      case 'PACKAGED':
        return undefined
    }
  }

  #advise({ pageSizes }: Extract<Command, { name: 'POSTCOPY_ADVISE' }>): PostcopyProblem | undefined {
    if (pageSizes?.summary !== PAGE_BYTES || pageSizes.target !== PAGE_BYTES)
      return {
        message: 'Postcopy needs matching RAM page sizes',
        expected: `pages of ${PAGE_BYTES} bytes`,
        found: pageSizes === undefined ? 'none' : `${pageSizes.summary} and ${pageSizes.target}`,
      }
    this.#memory.missing.end()
    this.#state = 'advised'
    return undefined
  }

  #discard({ block: name, ranges }: Extract<Command, { name: 'POSTCOPY_RAM_DISCARD' }>): PostcopyProblem | undefined {
    const block = this.#memory.blocks.findIndex((each) => each.name === name)
    const bytes = this.#memory.blocks[block]?.usedLength ?? 0
    const wrong = ranges.find(({ start, length }) => start + length > bytes)
    if (wrong !== undefined)
      return {
        message: 'Pages to forget that do not exist',
        expected: `${bytes} bytes of ${name}`,
        found: `${wrong.start}`,
      }
    for (const { start, length } of ranges)
      this.#memory.missing.discard(block, start / PAGE_BYTES, (start + length) / PAGE_BYTES)
    this.#state = 'discarding'
    return undefined
  }

  /** Whether a page that has come is to be put in place: always before the guest may run, and then only if it is missing. */
  isWanted(block: number, offset: number): boolean {
    return !this.#takesFaults || this.#memory.missing.has(block, offset / PAGE_BYTES)
  }

  /** A page is in place. */
  placed(block: number, offset: number): void {
    if (!this.#takesFaults) return
    const page = offset / PAGE_BYTES
    if (this.#memory.missing.arrive(block, page)) this.#asked.delete(`${block}:${page}`)
  }

  get #takesFaults(): boolean {
    return this.#state === 'listening' || this.#state === 'running'
  }

  /** What has to be asked for now: each fault once. */
  requests(): readonly ReturnPathMessage[] {
    if (!this.#mayAsk) return []
    const messages: ReturnPathMessage[] = []
    while (messages.length < REQUESTS_MAX) {
      const place = this.#again.shift() ?? this.#memory.missing.take()
      if (place === undefined) break
      const key = `${place.block}:${place.page}`
      if (this.#asked.has(key) || !this.#memory.missing.has(place.block, place.page)) continue
      this.#asked.add(key)
      messages.push(this.#request(place))
    }
    return messages
  }

  #request({ block, page }: PagePlace): ReturnPathMessage {
    const { name } = this.#memory.blocks[block]!
    const isNamed = block !== this.#lastAsked
    this.#lastAsked = block
    const range = { block: name, start: page * PAGE_BYTES, length: PAGE_BYTES }
    return { name: isNamed ? 'REQ_PAGES_ID' : 'REQ_PAGES', ...range }
  }

  /** The end mark: what is wrong with it, or undefined. From here on nothing is missing. */
  end(): PostcopyProblem | undefined {
    if (this.#state === 'none') return undefined
    const { count } = this.#memory.missing
    if (this.#takesFaults && count > 0)
      return { message: 'The source ended early', expected: 'every page that was missing', found: `${count} missing` }
    this.#memory.missing.end()
    return undefined
  }
}
