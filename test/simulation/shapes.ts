import type { Prng } from '../../core/base/prng.ts'
import { pick, shuffled } from './random.ts'

/** A cut from one node to another, one way. */
export type Cut = readonly [from: number, to: number]

/**
 * Named partitions. The last three are partial: some replica still reaches a quorum, and so the cluster must go on.
 * Source: Ng, Haridi, Carbone, Omni-Paxos (2023), 2 (quorum-loss, constrained election, chained).
 */
export const SHAPES = [
  'one-way',
  'link',
  'isolated',
  'split',
  'deaf',
  'mute',
  'quorum-loss',
  'constrained',
  'chained',
] as const
export type Shape = (typeof SHAPES)[number]

export const PARTIAL_SHAPES: readonly Shape[] = ['quorum-loss', 'constrained', 'chained']

/** The links a partition of this shape cuts, aimed at the leader where there is one. */
export function cutsOf(shape: Shape, nodes: number, aim: { readonly leader: number; readonly prng: Prng }): Cut[] {
  const { leader, prng } = aim
  const all = Array.from({ length: nodes }, (_, index) => index)
  const others = shuffled(
    prng,
    all.filter((node) => node !== leader),
  )
  const victim = prng.chance(0.6) ? leader : pick(prng, others)
  switch (shape) {
    case 'one-way':
      return [pair(prng, all)]
    case 'link': {
      return bothWays(...pair(prng, all))
    }
    case 'isolated':
      return pairs(all).filter(([from, to]) => from === victim || to === victim)
    case 'deaf':
      return pairs(all).filter(([, to]) => to === victim)
    case 'mute':
      return pairs(all).filter(([from]) => from === victim)
    case 'split': {
      const side = new Set(shuffled(prng, all).slice(0, prng.between(1, nodes - 1)))
      return pairs(all).filter(([from, to]) => side.has(from) !== side.has(to))
    }
    case 'quorum-loss': {
      const [hub] = others
      return pairs(all).filter(([from, to]) => from !== hub && to !== hub)
    }
    case 'constrained': {
      const [hub] = others
      return pairs(all).filter(([from, to]) => from === leader || to === leader || (from !== hub && to !== hub))
    }
    case 'chained': {
      const chain = [leader, ...others]
      return pairs(all).filter(([from, to]) => Math.abs(chain.indexOf(from) - chain.indexOf(to)) > 1)
    }
  }
}

/** Every link between any two of them. */
export function pairs(all: readonly number[]): Cut[] {
  return all.flatMap((from) => all.filter((to) => to !== from).map((to): Cut => [from, to]))
}

export function bothWays(one: number, other: number): Cut[] {
  return [
    [one, other],
    [other, one],
  ]
}

function pair(prng: Prng, all: readonly number[]): Cut {
  const [from, to] = shuffled(prng, all)
  if (from === undefined || to === undefined) throw new Error('a cut needs two nodes')
  return [from, to]
}
