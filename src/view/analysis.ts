/**
 * What the charts make of a scenario, as plain data that a worker can hand to a page: the verdict, and for each party the
 * steps that its charts took with the states that were active and the transitions that were taken.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { ChartEvent, ProcessMachine } from '../../machines/index.ts'
import { transitionIdOf } from '../chart/chart-model.ts'
import { transitionWatcher } from '../explore/chart-edge.ts'
import { explainScenario, type ExplainedStep } from '../trace/explanation.ts'
import type { AutomatonNode, LazyAutomaton } from '../trace/lazy-automaton.ts'
import type { Scenario } from '../trace/scenario.ts'
import type { Verdict } from '../trace/verdict.ts'

/** A step of one party's charts. */
export interface AnalysedStep {
  /** The line of the recording for which it was taken. */
  readonly line: number
  readonly event: string
  /** The event's members, in words; empty where it has none. */
  readonly detail: string
  /** The quirk without which the chart has no such step. */
  readonly quirk: string | undefined
  /** Ids as in the process chart. */
  readonly transitions: readonly string[]
  /** The innermost states that are active after it. */
  readonly active: readonly string[]
}

/** One party. */
export interface AnalysedParty {
  readonly name: string
  /** The innermost states that are active before anything has happened. */
  readonly start: readonly string[]
  readonly steps: readonly AnalysedStep[]
}

/** All of it. */
export interface Analysis {
  readonly verdict: Verdict
  readonly parties: readonly AnalysedParty[]
}

const leavesOf = (value: unknown, path: string): readonly string[] => {
  if (typeof value === 'string') return [`${path}.${value}`]
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([name, below]) => leavesOf(below, `${path}.${name}`))
}

/** The watchers of a profile's charts, one a machine: making one builds an actor system. */
class Watchers {
  private readonly byMachine = new Map<ProcessMachine, ReturnType<typeof transitionWatcher>>()
  private readonly automaton: LazyAutomaton

  constructor(automaton: LazyAutomaton) {
    this.automaton = automaton
  }

  /** Ids of the transitions that a step takes. */
  transitionsOf({ event, from, quirk }: ExplainedStep): readonly string[] {
    const machine = this.automaton.machineOf(this.automaton.maskOf(quirk === undefined ? [] : [quirk]))
    const value = this.automaton.valueOf(from)
    if (machine === undefined || value === undefined) return []
    let take = this.byMachine.get(machine)
    if (take === undefined) {
      take = transitionWatcher(machine)
      this.byMachine.set(machine, take)
    }
    const snapshot: AnyMachineSnapshot = machine.resolveState({ value, context: from.context })
    const [, taken] = take(snapshot, event)
    return taken.map(transitionIdOf)
  }
}

const detailOf = (event: ChartEvent): string =>
  Object.entries(event)
    .filter(([name]) => name !== 'type')
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')

/** Holds a scenario against the charts. */
export const analyse = (scenario: Scenario): Analysis => {
  const { verdict, automaton, parties } = explainScenario(scenario)
  const watchers = new Watchers(automaton)
  const active = (node: AutomatonNode): readonly string[] => leavesOf(automaton.valueOf(node), 'process')
  return {
    verdict,
    parties: parties.map(({ name, start, steps }) => ({
      name,
      start: active(start),
      steps: steps.map((step) => ({
        line: step.line,
        event: step.event.type,
        detail: detailOf(step.event),
        quirk: step.quirk,
        transitions: watchers.transitionsOf(step),
        active: active(step.to),
      })),
    })),
  }
}
