import { defects } from './defects.ts'
import { findDefect } from './defect-suite.ts'
import { qemuSystem } from '../../src/peer/qemu.ts'
for (const d of defects.filter((d) => process.argv.length < 3 || process.argv.includes(d.quirk))) {
  const r = await findDefect(d, { systemFor: qemuSystem, runs: 100, seed: 1, patienceMillis: 120_000 })
  const { found, ...rest } = r
  console.log(JSON.stringify(rest))
  if (found) {
    const { transcript, verdict, ...f } = found
    console.log(JSON.stringify(f, null, 1), verdict.verdict, verdict.verdict === 'rejected' ? verdict.rejection : '')
  }
}
