/** Which property kills which mutant. */
import { useMemo, useState } from 'preact/hooks'
import { current } from './state.ts'

export const MatrixPage = () => {
  const item = current.value
  const matrix = item?.kind === 'kill-matrix' ? item.matrix : undefined
  const [query, setQuery] = useState('')
  const rows = useMemo(() => {
    const words = query.toLowerCase()
    return matrix?.rows.filter(({ mutant, title }) => `${mutant} ${title}`.toLowerCase().includes(words)) ?? []
  }, [matrix, query])
  if (matrix === undefined) return null
  const survivors = matrix.rows.filter(({ kills }) => kills.length === 0).length
  return (
    <main class="matrix-page">
      <header>
        <h2>
          {matrix.rows.length} mutants, {matrix.properties.length} properties
        </h2>
        <p class={survivors === 0 ? 'good' : 'bad'}>
          {survivors === 0 ? 'Every mutant is killed.' : `${survivors} of them survive.`}
        </p>
        <label class="choice">
          <span>Filter</span>
          <input type="search" value={query} onInput={({ currentTarget }) => setQuery(currentTarget.value)} />
        </label>
      </header>
      <div class="table-box" tabIndex={0} role="region" aria-label="Kill matrix">
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">mutant</th>
              {matrix.properties.map((id) => (
                <th scope="col" class="property">
                  {id}
                </th>
              ))}
              <th scope="col">steps</th>
              <th scope="col">what is broken in it</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ mutant, title, kills, missed, shortest }) => (
              <tr class={kills.length === 0 ? 'survivor' : ''}>
                <th scope="row">{mutant}</th>
                {matrix.properties.map((id) => (
                  <td class={kills.includes(id) ? 'kill' : missed.includes(id) ? 'miss' : ''}>
                    {kills.includes(id) ? '✕' : missed.includes(id) ? 'missed' : ''}
                  </td>
                ))}
                <td class="number">{shortest}</td>
                <td>{title}</td>
              </tr>
            ))}
            <tr class="sum">
              <th scope="row">kills</th>
              {matrix.properties.map((id) => (
                <td class="number">{rows.filter(({ kills }) => kills.includes(id)).length}</td>
              ))}
              <td />
              <td />
            </tr>
          </tbody>
        </table>
      </div>
    </main>
  )
}
