/** What is left of a sequence is what it takes. */
import t from 'tap'
import { shrink } from './shrink.ts'
import { callsOf, type Sequence, type Step } from './step.ts'

const call = (name: string): Step => ({ do: 'call', to: 'source', call: { name } })
const race = (...names: readonly string[]): Step => ({
  do: 'race',
  to: 'source',
  calls: names.map((name) => ({ name })),
  until: ['STOP'],
})
const namesOf = (sequence: Sequence) => sequence.flatMap(callsOf).map(({ name }) => name)

t.test('steps that do not matter go, and races become what is left of them', async (t) => {
  const first = [call('a'), call('stop'), call('b'), race('c', 'migrate', 'd'), call('e'), call('cancel'), call('f')]
  const shows = async (candidate: Sequence) => {
    const names = namesOf(candidate)
    const order = ['stop', 'migrate', 'cancel'].map((name) => names.indexOf(name))
    return order.every((at, index) => at >= 0 && at > (order[index - 1] ?? -1)) ? names : undefined
  }
  const { sequence, found } = await shrink(first, namesOf(first), shows, { attempts: 1, candidatesMax: 200 })
  t.same(sequence, [call('stop'), call('migrate'), call('cancel')])
  t.same(found, ['stop', 'migrate', 'cancel'])
})

t.test('a race is tried as often as it may be lost', async (t) => {
  let tries = 0
  const shows = async (candidate: Sequence) => (++tries % 3 === 0 ? candidate.length : undefined)
  const { sequence } = await shrink([call('a'), call('b')], 2, shows, { attempts: 3, candidatesMax: 10 })
  t.same(sequence, [call('b')])
})

t.test('the search ends at its limit', async (t) => {
  let tries = 0
  const shows = async () => void tries++
  const first = Array.from({ length: 40 }, () => call('a'))
  const { sequence, candidates } = await shrink(first, true, shows, { attempts: 2, candidatesMax: 5 })
  t.equal(sequence.length, 40)
  t.equal(candidates, 6)
  t.equal(tries, 10)
})
