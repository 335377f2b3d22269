/** The example finds its bug, the token makes the run again, and without the bug every invariant holds. */
import t from 'tap'
import { parseSystemToken, runSystemSuite, systemJunit, systemText } from '../../properties/system/index.ts'

t.test('the bug is found, and again', async (t) => {
  const { default: system } = await import('./my-hypervisor.ts')
  const result = await runSystemSuite({ system })
  t.comment(`\n${systemText(result)}`)
  const { counterexample } = result
  t.match(counterexample, { breaches: [{ id: 'I2' }] })
  t.ok((counterexample?.operations.length ?? 99) <= 4, `${counterexample?.operations.length} operations`)
  t.match(systemJunit(result), /failures="1"/)
  const again = await runSystemSuite({ system, ...parseSystemToken(counterexample!.token)! })
  t.strictSame(again.counterexample?.operations, counterexample?.operations)
  t.strictSame(again.counterexample?.breaches, counterexample?.breaches)
})

t.test('without the bug every invariant holds', async (t) => {
  process.env['BUG'] = 'none'
  const { default: system } = (await import(`./my-hypervisor.ts?${'mended'}`)) as typeof import('./my-hypervisor.ts')
  const result = await runSystemSuite({ system, runs: 300 })
  t.comment(`\n${systemText(result)}`)
  t.equal(result.counterexample, undefined)
  for (const what of ['ended completed', 'ended cancelled', 'ended failed', 'status pre-switchover', 'refused migrate'])
    t.ok((result.met[what] ?? 0) > 0, what)
  t.match(systemJunit(result), /failures="0"/)
})
