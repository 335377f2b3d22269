/**
 * The pair: two processes whose charts are the real ones, and the world between them as the runtime makes it. The intents that
 * a chart names are what the world carries out; facts come back in every order that a world could show.
 */
import { processMachine, type ProcessMachine } from '../../../machines/index.ts'
import { alphabet } from '../alphabet.ts'
import { compile } from '../compile/compile.ts'
import type { CompiledOutput } from '../compile/automaton.ts'
import { all, breach, is, isIn, not, wasIn, when, type Model, type Party, type Statement } from '../model/language.ts'
import { addDestination, carryOutForDestination } from './pair/destination.ts'
import { addLockStep, lockStepAfterwards } from './pair/lock-step.ts'
import { addFaults, addGuest, addListeners, addOperator, crashOf } from './pair/operator.ts'
import { addShadows, pairProperties, publish, sourceAfterwards } from './pair/properties.ts'
import { PairScope, source, type DestinationNames, type PairOptions } from './pair/scope.ts'
import { addSource, busyPaths, carryOutForSource } from './pair/source.ts'

export type { PairCapabilities, PairOptions } from './pair/scope.ts'

/** A model of a source and its destinations. */
export const pairModel = (options: PairOptions = {}): Model => {
  const scope = new PairScope(options)
  addShadows(scope)
  addOperator(scope)
  addListeners(scope)
  addSource(scope)
  for (const names of scope.destinations) addDestination(scope, names)
  addLockStep(scope, crashOf(scope))
  addGuest(scope)
  addFaults(scope)
  return {
    name: 'pair',
    about: about(scope),
    parties: [sourceParty(scope), ...scope.destinations.map((names) => destinationParty(scope, names))],
    variables: scope.variables,
    rules: scope.rules,
    properties: pairProperties(scope),
    channels: scope.destinations.flatMap(({ party, toDestination, toSource }) => [
      { from: source, to: party, variables: toDestination.variables.map(({ name }) => name) },
      { from: party, to: source, variables: toSource.variables.map(({ name }) => name) },
    ]),
  }
}

const about = ({ options }: PairScope): readonly string[] => [
  `profile ${options.profile}, ${options.quirks.size === 0 ? 'no quirks' : `quirks ${[...options.quirks].join(', ')}`}`,
  `a source and ${options.destinations === 1 ? 'a destination' : `${options.destinations} destinations`}, each used once`,
  `${options.returnPath ? 'a way back' : 'no way back'}; at most ${options.faults} ${options.faults === 1 ? 'fault' : 'faults'}: cut, crash, refusal, slowness, network down`,
  `one fact waits before the charts of the source; up to ${options.capabilities.some(({ postcopy }) => postcopy) ? 4 : 3} messages to a destination, 3 back`,
  options.guest ? 'the guest shuts down, sleeps and meets I/O errors' : 'the guest only does what it is told',
  'nobody starts a guest that has left',
]

/** The chart that a party of the pair runs. */
export const machineOfParty = ({ profile, quirks, fence }: PairOptions, party: string): ProcessMachine =>
  processMachine({
    ...(profile === undefined ? {} : { profile }),
    ...(quirks === undefined ? {} : { quirks }),
    ...(fence === undefined ? {} : { fence }),
    incoming: party !== source,
  })

const sourceParty = (scope: PairScope): Party => {
  const isBusy = wasIn(source, 'outgoing', ...busyPaths(scope).filter((path) => path !== 'colo' || !scope.recent))
  return {
    name: source,
    automaton: compile(machineOfParty(scope.options, source), alphabet),
    carryOut: (output: CompiledOutput): readonly Statement[] => {
      if (output.type === 'emitMigration') return publish(scope, source, output)
      if (output.type === 'setCapabilities') return [when(isBusy, [breach('I8')])]
      return carryOutForSource(scope, output)
    },
    afterwards: [...sourceAfterwards(), ...lockStepAfterwards(scope, source)],
  }
}

const destinationParty = (scope: PairScope, names: DestinationNames): Party => {
  const { party, received } = names
  return {
    name: party,
    automaton: compile(machineOfParty(scope.options, party), alphabet),
    carryOut: (output: CompiledOutput): readonly Statement[] => {
      if (output.type !== 'emitMigration') return carryOutForDestination(scope, names, output)
      const { status } = output.params as { readonly status: string }
      return [
        ...publish(scope, party, output),
        ...(status === 'completed'
          ? [
              // A secondary that takes over has its last whole checkpoint.
              when(all(is(received, 'part'), not(isIn(party, 'failover', 'completed'))), [breach('I15')]),
            ]
          : []),
      ]
    },
    afterwards: lockStepAfterwards(scope, party),
  }
}
