import t from 'tap'
import { JsonFloat } from './json-float.ts'
import { encodeLine, eventMessage, greeting } from './message.ts'

t.test('a line is ASCII with CRLF, spaced and escaped as QEMU 7.2.22 wrote it', async (t) => {
  t.equal(
    encodeLine({ return: {}, id: '\x7fé😀/\x1f\n"\\u001f' }),
    '{"return": {}, "id": "\\u007F\\u00E9\\uD83D\\uDE00/\\u001F\\n\\"\\\\u001f"}\r\n',
  )
  t.equal(
    encodeLine({ a: [1, null, true], b: { c: 'x' }, d: [] }),
    '{"a": [1, null, true], "b": {"c": "x"}, "d": []}\r\n',
  )
})

t.test(
  'integers keep all their digits, a whole float loses its point, and nothing that is no JSON is written',
  async (t) => {
    t.equal(encodeLine([18446744073709551615n, 0.5, new JsonFloat(1)]), '[18446744073709551615, 0.5, 1]\r\n')
    t.equal(
      encodeLine([new JsonFloat(1e20), new JsonFloat(Infinity), Number.NaN]),
      '[100000000000000000000, 1e999, null]\r\n',
    )
    t.equal(encodeLine({ a: undefined, b: '\ud800' }), '{"b": "\\uFFFD"}\r\n')
  },
)

t.test('the greeting says whose rules are followed, and who follows them', async (t) => {
  t.same(greeting('2.11'), {
    QMP: { version: { qemu: { major: 2, minor: 11, micro: 0 }, package: 'switchover' }, capabilities: [] },
  })
  t.same(greeting('7.2'), {
    QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 }, package: 'switchover' }, capabilities: ['oob'] },
  })
})

t.test('an event has its time in seconds and microseconds, before its name', async (t) => {
  const event = eventMessage({ event: 'STOP' }, 1500.25)
  t.same(event, { timestamp: { seconds: 1, microseconds: 500250 }, event: 'STOP' })
  t.same(Object.keys(event), ['timestamp', 'event'])
})
