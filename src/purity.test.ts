/**
 * The entries that have to run anywhere load no module of Node (the suites in properties do: they drive the runtime); the
 * embedding example runs and is short.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Prints every built-in module that is asked for while an entry is loaded. */
const spy = `import { isBuiltin, registerHooks } from 'node:module'
registerHooks({ resolve(specifier, context, next) {
  if (isBuiltin(specifier)) console.log(specifier, 'by', context.parentURL)
  return next(specifier, context)
} })`

const builtinsOf = (entry: string): string =>
  execFileSync(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(spy)}`,
    '--input-type=module',
    '--eval',
    `await import(${JSON.stringify(entry)})`,
  ]).toString()

t.test('machines, qapi and the core load no module of Node', async (t) => {
  for (const entry of ['../machines/index.ts', './qapi/index.ts', './index.ts'])
    t.equal(builtinsOf(path(entry)), '', entry)
})

t.test('the check can fail: the runtime does load some', async (t) => {
  t.match(builtinsOf(path('./node.ts')), /node:worker_threads/)
})

t.test('the embedding example runs the core alone in under 40 lines', async (t) => {
  const example = path('../examples/embed.ts')
  t.ok(readFileSync(example, 'utf8').split('\n').length < 40)
  const output = execFileSync(process.execPath, ['--conditions=switchover-source', example]).toString()
  t.match(output, /completed postmigrate\n$/)
  t.match(output, /There's a migration process in progress/)
})
