import * as fc from 'fast-check'
import { runDifferential } from './differential-suite.ts'
import { sequence } from './generator.ts'
import { stepText } from './step.ts'
import { qemuSystem } from '../../src/peer/qemu.ts'
import { doubleSystem } from '../../src/peer/double.ts'
import { withFlipped } from './justified.ts'
const quirks = withFlipped([])
const found = new Map<string, { n: number; ex: string }>()
const seqs = fc.sample(sequence, { numRuns: Number(process.argv[2]), seed: Number(process.argv[3]) })
let parted = 0,
  race = 0,
  compared = 0
const t = performance.now()
for (const [i, s] of seqs.entries()) {
  const r = await runDifferential({ qemu: qemuSystem(), double: doubleSystem(quirks), quirks }, s)
  compared += r.comparison.compared
  if (r.comparison.ended === 'race') race++
  if (r.comparison.ended === 'parted') parted++
  const slow = [...r.qemu.steps, ...r.double.steps].filter((x) => x.rest?.unsettled).map((x) => stepText(x.step))
  if (slow.length) console.log(i, 'UNSETTLED', slow, s.map(stepText))
  for (const d of r.unjustified) {
    const key = `${d.kind}|${d.kind === 'charts' ? d.where.slice(0, 300) : d.command}|${d.party}|Q ${d.qemu.slice(0, 160)}|D ${d.double.slice(0, 160)}`
    const e = found.get(key)
    if (e) e.n++
    else
      found.set(key, {
        n: 1,
        ex:
          i +
          ': ' +
          s
            .slice(0, (d.step ?? 99) + 1)
            .map(stepText)
            .join(' ;; '),
      })
  }
}
console.log({ compared, race, parted }, Math.round(performance.now() - t))
for (const [k, { n, ex }] of found) console.log(n, k, '\n      ', ex)
