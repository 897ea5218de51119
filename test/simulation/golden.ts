/**
 * Digests of a few whole runs: a seed gives the same run byte for byte, also on another machine and another day.
 * They change whenever the core or the simulator does anything differently, and are then renewed on purpose, with
 * what `npm run simulate -- --seed 1 --replicas 3,5` prints.
 */
export const GOLDEN: readonly { readonly seed: number; readonly replicas: number; readonly digest: string }[] = [
  { seed: 1, replicas: 3, digest: '042bf62358dd0d46' },
  { seed: 1, replicas: 5, digest: '42bfcc3a09c94ab1' },
  { seed: 2026, replicas: 3, digest: '1aa079df8c24eff0' },
]
