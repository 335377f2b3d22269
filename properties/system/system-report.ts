/** What a suite found of a system: as text for a person, as JSON, and as JUnit's XML for a build server. */
import { SYSTEM_INVARIANTS } from './system-run.ts'
import type { SystemResult } from './system-suite.ts'

const counted = (met: SystemResult['met'], word: string): string =>
  Object.entries(met)
    .filter(([what]) => what.startsWith(`${word} `))
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what.slice(word.length + 1)} ${count}`)
    .join(', ') || 'none'

/** As text. */
export const systemText = (result: SystemResult): string => {
  const { counterexample: found } = result
  return [
    `${result.system}, seed ${result.seed}: ${result.runs} runs in ${(result.millis / 1000).toFixed(1)} s`,
    `  operations: ${counted(result.met, 'operation')}`,
    `  refused: ${counted(result.met, 'refused')}`,
    `  statuses met: ${counted(result.met, 'status')}`,
    `  ended: ${counted(result.met, 'ended')}`,
    ...(found === undefined
      ? ['  every invariant held']
      : [
          ...found.breaches.slice(0, 3).flatMap(({ id, text, found: what }) => [`${id}: ${text}`, `    ${what}`]),
          'in',
          ...found.operations.map((operation, place) => `  ${place + 1}. ${operation}`),
          `again with --replay ${found.token}`,
        ]),
  ].join('\n')
}

const escaped = (text: string): string =>
  text.replace(/[<>&"]/g, (sign) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' })[sign]!)

/** As JUnit's XML: a test case an invariant. */
export const systemJunit = (result: SystemResult): string => {
  const broken = result.counterexample?.breaches[0]
  const cases = SYSTEM_INVARIANTS.map((id) => {
    const head = `  <testcase classname="${escaped(result.system)}" name="${id}"`
    if (broken?.id !== id) return `${head}/>`
    const text = [...(result.counterexample?.operations ?? []), result.counterexample?.token ?? ''].join('\n')
    return `${head}>\n    <failure message="${escaped(broken.found)}">${escaped(text)}</failure>\n  </testcase>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="${escaped(result.system)}" tests="${cases.length}" failures="${broken === undefined ? 0 : 1}" time="${(result.millis / 1000).toFixed(3)}">`,
    ...cases,
    '</testsuite>',
  ].join('\n')
}
