/**
 * Files of any kind that the page knows, recognised by what is in them: recordings of QMP (ours, socat's, libvirt's),
 * counterexamples in ITF, state graphs, kill matrices, memory maps. The recordings of one scenario become one item. Nothing
 * here reads a disk: the command line and the page in the browser both hand in names and texts.
 */
import { Result } from 'effect'
import { isMemoryMap, type MemoryMap } from '../trace/memory-map.ts'
import { parseRecording, type Recording } from '../trace/recording.ts'
import { partyOf, scenarioNameOf } from '../trace/scenario-name.ts'
import { makeScenario, parseMeta, type Scenario } from '../trace/scenario.ts'
import { isItf, readItf, type VariableTrace } from './formats/itf.ts'
import { isFields, parseJson } from './formats/json-lines.ts'
import { isKillMatrix, readKillMatrix, type KillMatrix } from './formats/kill-matrix.ts'
import { isLibvirtLog, isSocatLog, parseLibvirtLog, parseSocatLog } from './formats/qmp-log.ts'
import { isStateGraph, readStateGraph, type StateGraph } from './formats/state-graph.ts'

/** A file by name, without its folder. */
export interface ViewFile {
  readonly name: string
  readonly text: string
}

/** Something to look at. */
export type ViewItem = { readonly name: string } & (
  | { readonly kind: 'trace'; readonly scenario: Scenario; readonly memory: MemoryMap | undefined }
  | { readonly kind: 'variables'; readonly trace: VariableTrace }
  | { readonly kind: 'state-graph'; readonly graph: StateGraph }
  | { readonly kind: 'kill-matrix'; readonly matrix: KillMatrix }
)

/** A file that could not be opened, and why. */
export interface ViewProblem {
  readonly name: string
  readonly reason: string
}

/** What files come to. */
export interface Opened {
  readonly items: readonly ViewItem[]
  readonly problems: readonly ViewProblem[]
}

/** Formats in words, for whoever has to be told what would have been accepted. */
export const knownFormats: readonly string[] = [
  'QMP recordings (NAME.PARTY.jsonl with NAME.meta.json)',
  'the log of socat -v',
  'the log of libvirt (QEMU_MONITOR_…)',
  'counterexamples in ITF (.itf.json)',
  'state graphs and kill matrices (.json)',
]

const baseName = (name: string): string => name.replace(/^.*[/\\]/, '')

const withoutExtension = (name: string): string => baseName(name).replace(/\.(itf\.json|jsonl?|log|txt)$/, '')

/** The JSON values of a document, or of a document a line. */
const valuesIn = (text: string): readonly unknown[] => {
  const whole = parseJson(text)
  if (whole !== undefined) return [whole]
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const values = lines.map(parseJson)
  return values.includes(undefined) ? [] : values
}

/** Parties of one log: the monitor that is asked to take a guest is the destination. */
const partiesOf = (recordings: readonly Recording[]): readonly (readonly [string, Recording])[] => {
  const receives = ({ messages }: Recording): boolean =>
    messages.some(({ dir, msg }) => dir === '->' && isFields(msg) && msg['execute'] === 'migrate-incoming')
  const counts = { src: 0, dst: 0 }
  return recordings.map((recording) => {
    const side = receives(recording) ? 'dst' : 'src'
    const count = ++counts[side]
    return [count === 1 ? side : `${side}${count}`, recording] as const
  })
}

const openOther = ({ name, text }: ViewFile): ViewItem | undefined => {
  const title = withoutExtension(name)
  if (isSocatLog(text)) {
    const recordings = [parseSocatLog(baseName(name), text)]
    return { name: title, kind: 'trace', scenario: makeScenario(title, partiesOf(recordings)), memory: undefined }
  }
  if (isLibvirtLog(text)) {
    const recordings = parseLibvirtLog(baseName(name), text)
    return { name: title, kind: 'trace', scenario: makeScenario(title, partiesOf(recordings)), memory: undefined }
  }
  const values = valuesIn(text)
  const [document] = values
  if (isKillMatrix(values)) return { name: title, kind: 'kill-matrix', matrix: readKillMatrix(values) }
  if (values.length === 1 && isItf(document)) return { name: title, kind: 'variables', trace: readItf(document) }
  if (values.length === 1 && isStateGraph(document))
    return { name: title, kind: 'state-graph', graph: readStateGraph(document) }
  return undefined
}

interface ScenarioFiles {
  readonly name: string
  readonly recordings: [string, Recording][]
  meta: string | undefined
  memory: MemoryMap | undefined
}

/** Whether the first line of a text is one of a recording. */
const looksLikeRecording = (text: string): boolean => {
  const line = text.slice(0, text.indexOf('\n') < 0 ? undefined : text.indexOf('\n'))
  const value = parseJson(line)
  return isFields(value) && 'dir' in value && 'msg' in value
}

const kindWords: Readonly<Record<ViewItem['kind'], string>> = {
  trace: 'trace',
  variables: 'counterexample',
  'state-graph': 'state graph',
  'kill-matrix': 'kill matrix',
}

/** A counterexample is often written down in several forms under one name: the name then says which it is. */
const withNamesApart = (items: readonly ViewItem[]): readonly ViewItem[] =>
  items.map((item) =>
    items.some((other) => other !== item && other.name === item.name)
      ? { ...item, name: `${item.name} (${kindWords[item.kind]})` }
      : item,
  )

/** Opens files; those that belong to one scenario together. */
export const openFiles = (files: readonly ViewFile[]): Opened => {
  const items: ViewItem[] = []
  const problems: ViewProblem[] = []
  const scenarios = new Map<string, ScenarioFiles>()
  const scenarioOf = (name: string): ScenarioFiles => {
    const known = scenarios.get(name) ?? { name, recordings: [], meta: undefined, memory: undefined }
    scenarios.set(name, known)
    return known
  }
  for (const file of files) {
    const base = baseName(file.name)
    const scenario = scenarioNameOf(base)
    const memory = /^(.+)\.memory\.json$/.exec(base)?.[1]
    if (memory !== undefined) {
      const value = parseJson(file.text)
      if (isMemoryMap(value)) scenarioOf(memory).memory = value
      else problems.push({ name: base, reason: 'expected a memory map, found something else' })
    } else if (scenario !== undefined && base.endsWith('.meta.json')) scenarioOf(scenario).meta = file.text
    else if (looksLikeRecording(file.text)) {
      const name = scenario ?? withoutExtension(base)
      const recording = parseRecording(base, file.text)
      if (Result.isSuccess(recording))
        scenarioOf(name).recordings.push([partyOf(name, base) ?? 'src', recording.success])
      else problems.push({ name: base, reason: recording.failure.message })
    } else {
      const item = openOther(file)
      if (item === undefined)
        problems.push({ name: base, reason: `expected ${knownFormats.join(', or ')}; found something else` })
      else items.push(item)
    }
  }
  for (const { name, recordings, meta, memory } of scenarios.values()) {
    if (recordings.length === 0) {
      problems.push({ name, reason: `expected recordings ${name}.PARTY.jsonl beside it, found none` })
      continue
    }
    const parsed = meta === undefined ? undefined : parseMeta(meta)
    items.push({ name, kind: 'trace', scenario: makeScenario(name, recordings, parsed), memory })
  }
  return { items: withNamesApart(items), problems }
}
