import t from 'tap'
import { formatReplayToken, parseReplayToken, type ReplayToken } from './replay-token.ts'

t.test('a token is read back, wherever it stands', async (t) => {
  const tokens: readonly ReplayToken[] = [
    { suite: 'core', seed: 0 },
    { suite: 'runtime', seed: -1731, path: '3:0:1', replayPath: 'AAM.F'.replace('.', ':'), only: 'I16' },
  ]
  for (const token of tokens) {
    const line = formatReplayToken(token)
    t.notMatch(line, /\s/)
    t.same(parseReplayToken(line), token)
    t.same(parseReplayToken(`again with ${line}\nand so on`), token)
  }
})

t.test('what is no token is none', async (t) => {
  for (const text of ['', 'switchover-check', 'switchover-check:core:seed=', 'switchover-check:qemu:seed=1'])
    t.equal(parseReplayToken(text), undefined, text)
})
