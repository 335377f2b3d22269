import { runDifferentialSuite } from './differential-suite.ts'
import { qemuSystem } from '../../src/peer/qemu.ts'
import { doubleSystem } from '../../src/peer/double.ts'
import { withFlipped } from './justified.ts'
const flipped = process.argv.slice(4) as never[]
const quirks = withFlipped(flipped)
const t = performance.now()
const result = await runDifferentialSuite({
  qemu: qemuSystem(),
  double: doubleSystem(quirks),
  quirks,
  flipped,
  runs: Number(process.argv[2] ?? 20),
  seed: Number(process.argv[3] ?? 1),
})
const { counterexample, ...rest } = result
console.log(JSON.stringify(rest), Math.round(performance.now() - t))
if (counterexample) {
  const { run, ...c } = counterexample
  console.log(JSON.stringify(c, null, 1))
}
