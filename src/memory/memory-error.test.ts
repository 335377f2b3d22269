import t from 'tap'
import * as errors from './memory-error.ts'

t.test('every error is an Error with a tag, what was expected and what was found', async (t) => {
  for (const [name, Kind] of Object.entries(errors)) {
    const cause = new Error('cause')
    const error = new Kind('size', 'a number', '"big"', { cause })
    t.type(error, Error)
    t.match(error, { _tag: name })
    t.equal(error.name, name)
    t.equal(error.message, 'size: expected a number, found "big"')
    t.equal(error.expected, 'a number')
    t.equal(error.found, '"big"')
    t.equal(error.cause, cause)
  }
  t.equal(Object.keys(errors).length, 7)
})
