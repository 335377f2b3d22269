/** Pins what the generator yields for a seed, so that it cannot drift, and what it reaches. */
import * as fc from 'fast-check'
import t from 'tap'
import { commandNames } from '../../src/core/index.ts'
import { invalidCalls, sequence, STEPS_MAX, validCalls } from './generator.ts'
import { formatSequenceToken, parseSequenceToken } from './sequence-token.ts'
import { callsOf, stepText, type Sequence } from './step.ts'

const sample = (numRuns: number, seed = 1): readonly Sequence[] => fc.sample(sequence, { numRuns, seed })

t.test('a seed gives these sequences', (t) => {
  t.same(
    sample(3).map((one) => one.map(stepText)),
    [
      [
        'source: migrate {"uri":"@destination"}',
        'source: client_migrate_info {"protocol":"spice","hostname":"localhost","port":5900}',
        'destination: migrate-incoming {"uri":"bogus:1"}',
        'source: migrate-incoming {"uri":"@destination"}',
        'source: migrate-set-parameters {"downtime-limit":2000000}',
        'source: migrate {"uri":"@destination"}',
        'source: migrate {"uri":"@destination"}',
        'source: migrate {"uri":"@destination"}',
      ],
      ['source: migrate-incoming {"uri":"@destination"}', 'source: migrate {"uri":"@destination"}'],
      [
        'source: migrate-set-capabilities {"capabilities":[{"capability":"return-path","state":true}]}',
        'source: migrate-set-parameters {"downtime-limit":2000000}',
      ],
    ],
  )
  t.end()
})

t.test('sequences stay short, race, speak to both sides and migrate more than once', (t) => {
  const all = sample(400)
  t.ok(all.every(({ length }) => length >= 1 && length <= STEPS_MAX + 1))
  const steps = all.flat()
  t.ok(steps.some((step) => step.do === 'race'))
  t.ok(steps.some((step) => step.do === 'call' && step.to === 'destination'))
  const migrations = (one: Sequence) => one.flatMap(callsOf).filter(({ name }) => name === 'migrate').length
  t.ok(all.filter((one) => migrations(one) >= 2).length > 100)
  t.end()
})

t.test('every command of 7.2 is among the calls, but quit and what names a file or a descriptor', (t) => {
  const used = new Set([...validCalls, ...invalidCalls, ...sample(400).flat().flatMap(callsOf)].map(({ name }) => name))
  t.same(
    commandNames('7.2', { replication: true }).filter((name) => !used.has(name) && !/fd|^object-/.test(name)),
    ['quit'],
  )
  t.end()
})

t.test('a token holds a sequence', (t) => {
  for (const one of sample(50, 3)) {
    const token = formatSequenceToken({ property: 'differential', sequence: one, flipped: ['q8'] })
    t.notMatch(token, /\s/)
    t.same(parseSequenceToken(`again with ${token} `), { property: 'differential', sequence: one, flipped: ['q8'] })
  }
  t.equal(parseSequenceToken('switchover-check:qemu:nonsense'), undefined)
  t.end()
})
