import type { Prng } from '../../core/base/prng.ts'
import { pick, shuffled } from './random.ts'

/** How a faulty replica's Outputs are wrong. Never more replicas than may fail. */
export type Falsehood =
  /** Rehearsal's lie: wrong Outputs and a digest that fits them. */
  | 'lies'
  /** Votes for the right digest, and sends other Outputs when it is asked for them. */
  | 'two-faced'
  /** Its State was tampered with. */
  | 'flipped'

const FALSEHOODS: readonly Falsehood[] = ['lies', 'two-faced', 'flipped']

/** A misfortune that takes several faults at the right moments, played again and again to a cluster that is well otherwise. */
export type Scenario =
  /** A leader sleeps while the others go on; then all of them die, come back, and it wakes. */
  | 'old-leader-wakes'
  /** Some don't hear the leader and want another; the one they need has just restarted. */
  | 'voter-restarts'

/** What may go wrong in one run, drawn from its seed. Rates are per second of virtual time, 0: never. */
export interface FaultPlan {
  /** Probability per message between two replicas. */
  readonly loss: number
  readonly duplication: number
  /** Of duplicates: how many come seconds later. */
  readonly lateDuplicates: number
  /** Whether messages of one link overtake each other. */
  readonly reorders: boolean
  readonly delayUsMin: number
  readonly delayUsMax: number
  readonly slowLinksPerSecond: number
  readonly partitionsPerSecond: number
  readonly partitionMsMax: number
  readonly pausesPerSecond: number
  readonly pauseMsMax: number
  readonly killsPerSecond: number
  readonly downMsMax: number
  readonly restartsOfAllPerSecond: number
  /** One kill in so many write boundaries (a turn that persists, a message of a turn, a sync's begin or end). */
  readonly killOneBoundaryIn: number
  /** Probability that a candidate or a new leader is killed within some milliseconds. */
  readonly ambush: number
  readonly syncUsMin: number
  readonly syncUsMax: number
  readonly diskStallsPerSecond: number
  readonly diskFullPerSecond: number
  readonly clockJumpsPerSecond: number
  /** Members' clocks run so much faster or slower, at most. Unit: millionths. */
  readonly driftPpmMax: number
  /** Machines that sleep: their monotonic clock stands still meanwhile. */
  readonly sleeps: boolean
  readonly abdicationsPerSecond: number
  /** Connections between two living processes that break and come back. */
  readonly resetsPerSecond: number
  /** Messages that come a second time, from somebody who is no member. */
  readonly strangers: number
  /** Unit: µs. A turn of the event loop takes up to this; what comes meanwhile shares the next turn. */
  readonly turnUsMax: number
  /** Which replicas are faulty, and how: as many as may fail, at most. */
  readonly faulty: ReadonlyMap<number, Falsehood>
  /** Whether they stay faulty after the chaos. */
  readonly faultyForEver: boolean
  readonly lease: boolean
  readonly scenario: Scenario | undefined
  /** Whether messages pass through the real codec in this run. */
  readonly encodes: boolean
  readonly clients: number
  readonly thinkMsMax: number
  readonly chaosMs: number
  /** Whether a partial partition is held after the chaos, in which the cluster must go on. */
  readonly holdsPartial: boolean
}

/** Each kind of fault is left out of most runs, so that every mixture comes up, the pure ones too. */
export function drawFaults(prng: Prng, replicas: number): FaultPlan {
  return prng.chance(0.08) ? drawScenario(prng) : drawMixture(prng, replicas)
}

function drawMixture(prng: Prng, replicas: number): FaultPlan {
  // Where much goes wrong at once little gets done: in some runs a single misfortune meets a cluster at full work.
  const isFocused = prng.chance(0.35)
  const often = (probability: number, value: () => number): number => {
    return prng.chance(isFocused ? probability / 5 : probability) ? value() : 0
  }
  const span = (from: number, to: number): number => from + prng.next() * (to - from)
  const delayUsMin = prng.between(50, 500)
  const syncUsMin = prng.between(100, 2_000)
  const lease = prng.chance(0.3)
  return {
    loss: often(0.5, () => span(0.002, prng.chance(0.2) ? 0.3 : 0.08)),
    duplication: often(0.4, () => span(0.01, 0.2)),
    lateDuplicates: often(0.5, () => span(0.05, 0.5)),
    reorders: prng.chance(0.5),
    delayUsMin,
    delayUsMax: delayUsMin + prng.between(100, prng.chance(0.2) ? 100_000 : 6_000),
    slowLinksPerSecond: often(0.25, () => span(0.2, 1)),
    partitionsPerSecond: often(0.5, () => span(0.2, 2)),
    partitionMsMax: prng.between(200, 2_000),
    pausesPerSecond: often(lease ? 0.7 : 0.35, () => span(0.2, 1.5)),
    pauseMsMax: prng.between(100, 2_000),
    killsPerSecond: often(0.5, () => span(0.1, 0.8)),
    downMsMax: prng.between(10, prng.chance(0.3) ? 2_000 : 500),
    restartsOfAllPerSecond: often(0.15, () => span(0.1, 0.5)),
    killOneBoundaryIn: often(0.4, () => prng.between(100, 2_000)),
    ambush: often(lease ? 0.7 : 0.4, () => span(0.1, 0.7)),
    syncUsMin,
    syncUsMax: syncUsMin + prng.between(100, prng.chance(0.2) ? 60_000 : 5_000),
    diskStallsPerSecond: often(0.25, () => span(0.1, 0.6)),
    diskFullPerSecond: often(0.15, () => span(0.1, 0.4)),
    clockJumpsPerSecond: often(0.3, () => span(0.2, 2)),
    driftPpmMax: often(0.5, () => prng.between(1, lease ? 5_000 : 50_000)),
    sleeps: prng.chance(lease ? 0.7 : 0.3),
    abdicationsPerSecond: often(0.2, () => span(0.1, 1)),
    resetsPerSecond: often(0.2, () => span(0.2, 3)),
    strangers: often(0.2, () => span(0.005, 0.05)),
    turnUsMax: often(0.5, () => prng.between(20, 1_500)),
    faulty: drawFaulty(prng, replicas),
    faultyForEver: prng.chance(0.5),
    lease,
    scenario: undefined,
    encodes: prng.chance(0.03),
    clients: prng.between(2, 6),
    thinkMsMax: prng.chance(0.3) ? 0 : prng.between(5, 60),
    chaosMs: prng.between(2_000, 6_000),
    holdsPartial: prng.chance(0.15),
  }
}

/** Nothing goes wrong but what the scenario does. */
function drawScenario(prng: Prng): FaultPlan {
  return {
    loss: 0,
    duplication: 0,
    lateDuplicates: 0,
    reorders: false,
    delayUsMin: 100,
    delayUsMax: prng.between(500, 3_000),
    slowLinksPerSecond: 0,
    partitionsPerSecond: 0,
    partitionMsMax: 0,
    pausesPerSecond: 0,
    pauseMsMax: 0,
    killsPerSecond: 0,
    downMsMax: 20,
    restartsOfAllPerSecond: 0,
    killOneBoundaryIn: 0,
    ambush: 0,
    syncUsMin: 200,
    syncUsMax: prng.between(1_000, 15_000),
    diskStallsPerSecond: 0,
    diskFullPerSecond: 0,
    clockJumpsPerSecond: 0,
    driftPpmMax: 0,
    sleeps: prng.chance(0.8),
    abdicationsPerSecond: 0,
    resetsPerSecond: 0,
    strangers: 0,
    turnUsMax: prng.chance(0.5) ? 0 : 500,
    faulty: new Map(),
    faultyForEver: false,
    lease: prng.chance(0.7),
    scenario: prng.chance(0.5) ? 'old-leader-wakes' : 'voter-restarts',
    encodes: false,
    clients: prng.between(3, 8),
    thinkMsMax: prng.between(5, 20),
    chaosMs: prng.between(4_000, 8_000),
    holdsPartial: false,
  }
}

function drawFaulty(prng: Prng, replicas: number): ReadonlyMap<number, Falsehood> {
  if (!prng.chance(0.4)) return new Map()
  const all = Array.from({ length: replicas }, (_, index) => index)
  const faulty = shuffled(prng, all).slice(0, prng.between(1, (replicas - 1) >> 1))
  return new Map(faulty.map((node) => [node, pick(prng, FALSEHOODS)]))
}

/** What was done to a run, counted. */
export const FAULT_KINDS = [
  'loss',
  'duplication',
  'late-duplicate',
  'slow-link',
  ...['one-way', 'link', 'isolated', 'split', 'deaf', 'mute', 'quorum-loss', 'constrained', 'chained'].map(
    (shape) => `partition-${shape}`,
  ),
  'pause',
  'sleep',
  'kill',
  'kill-at-boundary',
  'kill-ambush',
  'restart-of-all',
  'lost-records',
  'disk-slow',
  'disk-stall',
  'disk-full',
  'clock-jump',
  'clock-drift',
  'abdication',
  'connection-reset',
  'stranger',
  'lies',
  'two-faced',
  'flipped',
] as const

export class FaultTally {
  readonly #counts = new Map<string, number>(FAULT_KINDS.map((kind) => [kind, 0]))

  add(kind: string, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count)
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}
