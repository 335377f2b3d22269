/** A recording of ten thousand messages, made of a real one: a manager that polls and polls while memory is being sent. */

interface Line {
  readonly t: number
  readonly dir: string
  readonly msg: Readonly<Record<string, unknown>>
}

/** Puts polls with falling figures between the `active` event of a recording and whatever follows it, up to `count` lines. */
export const longTrace = (recording: string, count: number): string => {
  const lines = recording
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const at = lines.findIndex(({ msg }) => (msg['data'] as { status?: string } | undefined)?.status === 'active') + 1
  const polls: Line[] = []
  const total = 1 << 30
  const start = lines[at - 1]?.t ?? 0
  const pairs = Math.floor((count - lines.length) / 2)
  for (let index = 0; index < pairs; index++) {
    const t = start + index * 0.01
    const share = index / pairs
    const ram = {
      total,
      transferred: Math.round(total * share * 1.4),
      remaining: Math.round(total * (1 - share)),
      'page-size': 4096,
      'dirty-pages-rate': Math.round(2000 + 1500 * Math.sin(index / 90)),
      mbps: 800 + 200 * Math.sin(index / 240),
      'dirty-sync-count': 1 + Math.floor(share * 8),
      duplicate: 0,
      skipped: 0,
      normal: 0,
      'normal-bytes': 0,
    }
    polls.push(
      { t, dir: '->', msg: { execute: 'query-migrate' } },
      {
        t: t + 0.001,
        dir: '<-',
        msg: {
          return: {
            status: 'active',
            'total-time': index * 10,
            'expected-downtime': Math.round(3000 * (1 - share)),
            ram,
          },
        },
      },
    )
  }
  const shift = pairs * 0.01
  const rest = lines.slice(at).map((line) => ({ ...line, t: line.t + shift }))
  return [...lines.slice(0, at), ...polls, ...rest].map((line) => JSON.stringify(line)).join('\n')
}
