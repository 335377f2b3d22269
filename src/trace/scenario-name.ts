/** The names of a scenario's files: `<scenario>.<party>.jsonl` and `<scenario>.meta.json`. */

/** The scenario a file name belongs to; undefined if it belongs to none. */
export const scenarioNameOf = (fileName: string): string | undefined =>
  /^(.+)\.meta\.json$/.exec(fileName)?.[1] ??
  /^(.+)\.[a-z][a-z0-9]*\.jsonl$/.exec(fileName)?.[1] ??
  /^(.+)\.jsonl$/.exec(fileName)?.[1]

/** The party a file of a scenario records; undefined if it is no recording of it. */
export const partyOf = (scenario: string, fileName: string): string | undefined => {
  if (!fileName.startsWith(`${scenario}.`) || !fileName.endsWith('.jsonl')) return undefined
  if (fileName === `${scenario}.jsonl`) return 'src'
  const party = fileName.slice(scenario.length + 1, -'.jsonl'.length)
  return /^[a-z][a-z0-9]*$/.test(party) ? party : undefined
}
