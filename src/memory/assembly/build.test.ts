/** The module that is checked in is what the compiler makes of its source. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { binaryPath, compileKernels } from './build.ts'

t.test('the module is up to date: if not, npm run kernels', async (t) => {
  t.equal(readFileSync(binaryPath, 'utf8'), await compileKernels())
})
