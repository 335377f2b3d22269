/** The regions of a machine and the ways through them: which states are left and entered on the way from one to another. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { ChartNotFinite } from './chart-not-finite.ts'

/** A region with the nodes of its innermost states. */
export interface RegionNodes {
  /** Empty for a machine that is not parallel. */
  readonly name: string
  readonly top: AnyStateNode
  /** Innermost states as dotted paths below the region, in the order of the document; the initial one is not always first. */
  readonly states: readonly string[]
  /** For each of them the nodes that are active in it, the region's own first. */
  readonly path: readonly (readonly AnyStateNode[])[]
  readonly initial: number
}

/** The regions of a machine, in the order of the document. */
export const regionsOf = (machine: AnyStateMachine): readonly RegionNodes[] =>
  machine.root.type === 'parallel'
    ? Object.values(machine.root.states).map((top) => regionFrom(top.key, top, machine.root.path.length + 1))
    : [regionFrom('', machine.root, 0)]

const regionFrom = (name: string, top: AnyStateNode, depth: number): RegionNodes => {
  const path = pathsBelow(top, [])
  // The initial state is the first of the list, so that 0 is where everything starts.
  const first = initialPath(top).at(-1)!
  return {
    name,
    top,
    states: path.map((nodes) => nodes.at(-1)!.path.slice(depth).join('.')),
    path,
    initial: path.findIndex((nodes) => nodes.at(-1) === first),
  }
}

const refuse = (node: AnyStateNode, found: string): never => {
  throw new ChartNotFinite(node.id, 'an atomic or compound state without clock, actor or memory', found)
}

const pathsBelow = (node: AnyStateNode, above: readonly AnyStateNode[]): readonly (readonly AnyStateNode[])[] => {
  if (node.type !== 'atomic' && node.type !== 'compound') refuse(node, `a ${node.type} state`)
  if (node.invoke.length > 0) refuse(node, 'an invoked actor')
  if (node.after.length > 0) refuse(node, 'a delayed transition')
  const path = [...above, node]
  return node.type === 'atomic' ? [path] : Object.values(node.states).flatMap((child) => pathsBelow(child, path))
}

/** From a node down to where its initial states lead. */
const initialPath = (node: AnyStateNode): readonly AnyStateNode[] => {
  const [child] = node.type === 'compound' ? (node.initial.target ?? []) : []
  return child === undefined ? [node] : [node, ...initialPath(child)]
}

/** What a transition leaves, innermost first, and enters, outermost first. */
export interface Way {
  readonly to: number
  readonly exits: readonly AnyStateNode[]
  readonly entries: readonly { readonly node: AnyStateNode; readonly byDefault: boolean }[]
}

const isBelow = (node: AnyStateNode, above: AnyStateNode): boolean => node !== above && chain(node).includes(above)

/** A node and all around it, outermost first. */
const chain = (node: AnyStateNode): readonly AnyStateNode[] =>
  node.parent === undefined ? [node] : [...chain(node.parent), node]

/**
 * The innermost state that is not left: the source itself if the target lies in it (and it is not to be entered anew), else
 * the innermost that contains both.
 */
const domainOf = ({ source, reenter }: AnyTransitionDefinition, target: AnyStateNode): AnyStateNode | undefined => {
  if (!reenter && (target === source || isBelow(target, source))) return source
  return chain(source).findLast((node) => isBelow(source, node) && isBelow(target, node))
}

/** The way from an innermost state along a transition. */
export const pathBetween = (
  region: RegionNodes,
  state: number,
  definition: AnyTransitionDefinition,
  target: AnyStateNode,
): Way => {
  if (target !== region.top && !isBelow(target, region.top))
    throw new ChartNotFinite(
      `${definition.eventType} of ${definition.source.id}`,
      `a target in ${region.top.id}`,
      target.id,
    )
  if ((definition.target ?? []).length > 1)
    throw new ChartNotFinite(`${definition.eventType} of ${definition.source.id}`, 'one target', 'several')
  const domain = domainOf(definition, target)
  const isLeft = (node: AnyStateNode): boolean => domain === undefined || isBelow(node, domain)
  const below = initialPath(target)
  const leaf = below.at(-1)!
  const entered = [...chain(target).slice(0, -1), ...below].filter(isLeft)
  return {
    to: region.path.findIndex((nodes) => nodes.at(-1) === leaf),
    exits: region.path[state]!.toReversed().filter(isLeft),
    entries: entered.map((node) => ({ node, byDefault: below.includes(node) })),
  }
}
