/** The example of a manager does what it is for: it moves a guest between two processes that serve. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { Effect } from 'effect'
import { effectTest, scratchDirectory } from '../qmp/testing/served.ts'
import { serve } from './testing/serving.ts'

const manager = fileURLToPath(new URL('../../examples/manager.ts', import.meta.url))
const guest = 'write:size=2M,working-set=64K,rate=100'

effectTest('a manager of two doubles', (t) =>
  Effect.gen(function* () {
    const directory = yield* scratchDirectory
    const [source, destination, uri] = ['s', 'd', 'm'].map((name) => `unix:${join(directory, name)}`)
    const from = yield* serve('--qmp', source!, '--guest', guest)
    const to = yield* serve('--qmp', destination!, '--guest', guest, '--incoming', 'defer')
    yield* Effect.all([from.line, to.line])
    const words = ['-C', 'switchover-source', manager, source!, destination!, uri!]
    const { stdout } = yield* Effect.promise(() => promisify(execFile)(process.execPath, words))
    t.match(stdout, /'setup'[^]*'active'[^]*'completed'[^]*completed \d+[^]*'running'/)
    t.equal(yield* from.code, 0)
    t.equal(yield* to.code, 0)
  }),
)
