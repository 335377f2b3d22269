/**
 * A chart that has been drawn into the document, with its elements by the ids that the charts use. Lighting a state up or
 * counting a transition changes classes and text of a few elements, never the tree: that is what keeps scrubbing fluid.
 */
/** What is lit. */
export interface Lighting {
  /** Innermost active states. */
  readonly active: readonly string[]
  /** Transitions that are being taken at this moment. */
  readonly now: ReadonlySet<string>
  readonly counts: ReadonlyMap<string, number>
  /** How often each is taken in the whole trace; what never is becomes faint. Undefined: nothing is told of that. */
  readonly totals: ReadonlyMap<string, number> | undefined
}

interface TransitionElement {
  readonly id: string
  readonly element: Element
  readonly text: string
  /** The line and the plate of labels that it belongs to. */
  readonly ends: string
}

const endsOf = (element: Element): string => `${element.getAttribute('data-from')} ${element.getAttribute('data-to')}`

const prefixes = (id: string): readonly string[] => {
  const parts = id.split('.')
  return parts.map((_, index) => parts.slice(0, index + 1).join('.'))
}

export class DrawnChart {
  private readonly root: Element
  private readonly states = new Map<string, Element>()
  private readonly transitions: readonly TransitionElement[]
  private readonly lines = new Map<string, Element[]>()

  constructor(root: Element) {
    this.root = root
    for (const element of root.querySelectorAll('[data-state]'))
      this.states.set(element.getAttribute('data-state') ?? '', element)
    for (const element of root.querySelectorAll('.arrow, .labels')) {
      const key = endsOf(element)
      this.lines.set(key, [...(this.lines.get(key) ?? []), element])
    }
    this.transitions = [...root.querySelectorAll('[data-transition]')].map((element) => {
      const labels = element.closest('.labels')
      return {
        id: element.getAttribute('data-transition') ?? '',
        element,
        text: element.lastChild?.textContent ?? '',
        ends: labels === null ? '' : endsOf(labels),
      }
    })
    for (const element of this.states.values()) this.makeReachable(element)
  }

  /** A state is named by its title: what it is called, what it means and where it comes from. */
  private makeReachable(element: Element): void {
    element.setAttribute('role', 'button')
    element.setAttribute('tabindex', '-1')
    if (element.classList.contains('closed')) element.setAttribute('aria-expanded', 'false')
    else if (element.classList.contains('open') && !element.classList.contains('root'))
      element.setAttribute('aria-expanded', 'true')
  }

  has(id: string): boolean {
    return this.states.has(id)
  }

  /** The innermost state that is lit. */
  currentState(): string | undefined {
    return this.root.querySelector('.state.here')?.getAttribute('data-state') ?? undefined
  }

  stateElement(id: string): Element | undefined {
    return this.states.get(id)
  }

  /** Hides what is inside a state, which is then drawn over the lines that end there. */
  hideInside(ids: readonly string[]): void {
    for (const outer of ids) {
      const isInside = (id: string | null) => id !== null && id.startsWith(`${outer}.`)
      for (const [id, element] of this.states) element.classList.toggle('hidden', isInside(id))
      for (const [, elements] of this.lines)
        for (const element of elements) {
          const [from, to] = [element.getAttribute('data-from'), element.getAttribute('data-to')]
          const within = (from === '' || from === outer || isInside(from)) && isInside(to)
          if (within) element.classList.add('hidden')
        }
      const box = this.states.get(outer)
      if (box === undefined) continue
      box.classList.add('closed')
      box.setAttribute('aria-expanded', 'false')
      const labels = this.root.querySelector('.labels')
      if (labels !== null) labels.parentNode?.insertBefore(box, labels)
    }
  }

  /** The state that can be reached with the tabulator key; the others by arrow keys from there. */
  makeEntry(id: string | undefined): void {
    const entry = (id !== undefined && this.states.get(id)) || this.states.values().next().value
    for (const element of this.states.values()) element.setAttribute('tabindex', element === entry ? '0' : '-1')
  }

  light({ active, now, counts, totals }: Lighting): void {
    const lit = new Set(active.flatMap(prefixes))
    const innermost = new Set(active)
    for (const [id, element] of this.states) {
      const isLit = lit.has(id)
      element.classList.toggle('lit', isLit)
      const isInnermost = isLit && (innermost.has(id) || element.classList.contains('closed'))
      element.classList.toggle('here', isInnermost)
      if (isInnermost) element.setAttribute('aria-current', 'true')
      else element.removeAttribute('aria-current')
    }
    const lines = new Map<string, { now: boolean; taken: number; never: boolean }>()
    for (const { id, element, text, ends } of this.transitions) {
      const count = counts.get(id) ?? 0
      const never = totals !== undefined && !totals.has(id)
      element.classList.toggle('now', now.has(id))
      element.classList.toggle('taken', count > 0)
      element.classList.toggle('never', never)
      const label = count > 0 ? `${text}  ×${count}` : text
      const last = element.lastChild
      if (text !== '' && last !== null && last.textContent !== label) last.textContent = label
      const line = lines.get(ends) ?? { now: false, taken: 0, never: true }
      lines.set(ends, {
        now: line.now || now.has(id),
        taken: line.taken + count,
        never: line.never && never,
      })
    }
    for (const [ends, elements] of this.lines) {
      const line = lines.get(ends)
      for (const element of elements) {
        element.classList.toggle('now', line?.now === true)
        element.classList.toggle('taken', (line?.taken ?? 0) > 0)
        element.classList.toggle('never', line?.never === true)
        const count = element.querySelector('.count')
        if (count !== null) count.textContent = (line?.taken ?? 0) > 0 ? `×${line?.taken}` : ''
      }
    }
  }

  select(id: string | undefined): void {
    for (const element of this.root.querySelectorAll('.selected')) element.classList.remove('selected')
    if (id === undefined) return
    const element = this.states.get(id) ?? this.transitions.find((each) => each.id === id)?.element
    element?.classList.add('selected')
  }

  /** The state next to another in a direction, by where they are drawn. */
  neighbour(from: Element, key: string): Element | undefined {
    const at = from.querySelector('.box')?.getBoundingClientRect()
    if (at === undefined) return undefined
    const [x, y] = [at.left + at.width / 2, at.top + at.height / 2]
    let best: Element | undefined
    let bestDistance = Infinity
    for (const element of this.states.values()) {
      if (element === from || element.classList.contains('hidden') || element.classList.contains('root')) continue
      const box = element.querySelector('.box')?.getBoundingClientRect()
      if (box === undefined) continue
      const [dx, dy] = [box.left + box.width / 2 - x, box.top + box.height / 2 - y]
      const [ahead, aside] = key === 'ArrowLeft' || key === 'ArrowRight' ? [dx, dy] : [dy, dx]
      const forward = key === 'ArrowLeft' || key === 'ArrowUp' ? -ahead : ahead
      if (forward <= 4) continue
      const distance = forward + 2 * Math.abs(aside)
      if (distance < bestDistance) [best, bestDistance] = [element, distance]
    }
    return best
  }
}
