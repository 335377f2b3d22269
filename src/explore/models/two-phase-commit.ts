/**
 * Two-phase commit (Gray and Lamport, Consensus on Transaction Commit, 2006), whose numbers of states are published: what an
 * explorer is held against before it is believed. No chart of this project is in it.
 */
import { advance, all, any, is, not, set, type Expression, type Model, type Rule } from '../model/language.ts'

/** Two-phase commit with some resource managers. `symmetric`: states that differ only in who is who are one. */
export const twoPhaseCommit = (managers: number, symmetric = false): Model => {
  const numbers = Array.from({ length: managers }, (_, index) => index + 1)
  const manager = (number: number) => `manager-${number}`
  const heard = (number: number) => `heard-${number}`
  const said = (number: number) => `said-${number}`
  const rule = (name: string, lane: string, condition: Expression, ...does: Rule['does']): Rule => ({
    name,
    lane,
    kind: 'progress',
    when: condition,
    does,
  })
  return {
    name: 'two-phase-commit',
    about: [`one coordinator, ${managers} resource managers, a network that loses nothing and has no order`],
    parties: [],
    variables: [
      { name: 'coordinator', values: ['init', 'committed', 'aborted'] },
      { name: 'commit-sent', values: ['no', 'yes'] },
      { name: 'abort-sent', values: ['no', 'yes'] },
      ...numbers.flatMap((number) => [
        { name: manager(number), values: ['working', 'prepared', 'committed', 'aborted'] },
        { name: heard(number), values: ['no', 'yes'] },
        { name: said(number), values: ['no', 'yes'] },
      ]),
    ],
    rules: [
      rule(
        'commit',
        'coordinator',
        all(is('coordinator', 'init'), ...numbers.map((number) => is(heard(number), 'yes'))),
        set('coordinator', 'committed'),
        set('commit-sent', 'yes'),
      ),
      rule('abort', 'coordinator', is('coordinator', 'init'), set('coordinator', 'aborted'), set('abort-sent', 'yes')),
      ...numbers.flatMap((number) => [
        rule(
          `hear that ${number} is prepared`,
          'coordinator',
          all(is('coordinator', 'init'), is(said(number), 'yes')),
          set(heard(number), 'yes'),
        ),
        rule(
          `prepare ${number}`,
          manager(number),
          is(manager(number), 'working'),
          advance(manager(number)),
          set(said(number), 'yes'),
        ),
        rule(`give up ${number}`, manager(number), is(manager(number), 'working'), set(manager(number), 'aborted')),
        rule(`commit ${number}`, manager(number), is('commit-sent', 'yes'), set(manager(number), 'committed')),
        rule(`abort ${number}`, manager(number), is('abort-sent', 'yes'), set(manager(number), 'aborted')),
      ]),
    ],
    properties: [
      {
        id: 'consistent',
        text: 'No manager has aborted where another has committed.',
        kind: 'never',
        when: all(
          any(...numbers.map((number) => is(manager(number), 'aborted'))),
          any(...numbers.map((number) => is(manager(number), 'committed'))),
        ),
      },
      { id: 'can commit', text: 'A commit is possible.', kind: 'sometimes', when: is('coordinator', 'committed') },
      {
        id: 'ends',
        text: 'A prepared manager ends.',
        kind: 'leads-to',
        from: is(manager(1), 'prepared'),
        to: not(is(manager(1), 'working', 'prepared')),
      },
    ],
    ...(symmetric ? { symmetry: numbers.map((number) => [manager(number), heard(number), said(number)]) } : {}),
  }
}
