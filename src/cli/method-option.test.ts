import { Effect, Exit } from 'effect'
import t from 'tap'
import { capabilitiesNamed, parametersNamed } from './method-option.ts'

t.test('a parameter is what QMP has: a number, a boolean or a text', async (t) => {
  t.same(
    await Effect.runPromise(
      parametersNamed(['x-multifd-channels=4', 'compress-wait-thread=false', 'tls-hostname=a=b']),
    ),
    {
      'x-multifd-channels': 4,
      'compress-wait-thread': false,
      'tls-hostname': 'a=b',
    },
  )
})

t.test('one without a value is wrong usage, which is said', async (t) => {
  for (const given of ['compress-level', '=1', ''])
    t.ok(Exit.isFailure(await Effect.runPromiseExit(parametersNamed(['compress-level=1', given]))), given)
})

t.test('capabilities are switched on', async (t) => {
  t.same(capabilitiesNamed(['xbzrle']), { capabilities: [{ capability: 'xbzrle', state: true }] })
})
