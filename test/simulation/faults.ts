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
  /** Bytes change in what it holds, behind the back of the digests it keeps. */
  | 'rotted'

/** Of one Input. */
const LARGE_BYTES_MAX = 256 * 1_024

/** So many runs are of that scenario alone: a State rarely has to be received otherwise. */
const LEFT_BEHIND = 0.12

const FALSEHOODS: readonly Falsehood[] = ['lies', 'two-faced', 'flipped', 'rotted']

/** A misfortune that takes several faults at the right moments, played again and again to a cluster that is well otherwise. */
export type Scenario =
  /** A leader sleeps while the others go on; then all of them die, come back, and it wakes. */
  | 'old-leader-wakes'
  /** Some don't hear the leader and want another; the one they need has just restarted. */
  | 'voter-restarts'
  /** A candidate dies before its own promise is durable; answers to its former life make it draw the same ballot. */
  | 'candidate-forgets'
  /** The leader and one follower on one side, all others on the other; one link over the gap carries a little. */
  | 'torn-in-two'
  /** Nothing but links that carry little, and Inputs that are large. */
  | 'narrow-links'
  /** One or two are away until the others have dropped the log they need; then the State's way back is beset. */
  | 'left-behind'

const SCENARIOS: readonly Scenario[] = [
  'old-leader-wakes',
  'voter-restarts',
  'candidate-forgets',
  'torn-in-two',
  'narrow-links',
]

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
  /** What each link carries, each way; what is more queues. 0: any amount, at once. */
  readonly bytesPerSecond: number
  /** Streams of one channel between two replicas that lose what they carry for a while, the others being well. */
  readonly streamStallsPerSecond: number
  /** Probability that a message to an earlier life of a process is delivered again to a later one. */
  readonly oldMail: number
  readonly partitionsPerSecond: number
  readonly partitionMsMax: number
  /** Whether both ends of a cut link notice that their connection broke. */
  readonly partitionsTold: boolean
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
  /** A CHECKPOINT is ordered after so many slots; 0: never. */
  readonly checkpointSlots: number
  /** Slots of the log kept behind the newest checkpoint. */
  readonly tailSlots: number
  /** The newest batches a replica keeps in memory; older ones it reads from disk. */
  readonly logMemorySlots: number
  /** How long a checkpoint takes to be written, at most. */
  readonly checkpointUsMax: number
  /** Probability that the one bad disk there is has damaged checkpoints when its replica starts. */
  readonly checkpointRot: number
  /** Which disk that is. */
  readonly rottenDisk: number
  /** Probability that a received State is written down wrongly, as by memory that fails, and is noticed. */
  readonly checkpointCorruption: number
  /** Probability that a certificate can't be written, and nothing is told of it. */
  readonly certifyFailure: number
  /** Unit: µs. What reading a part of a checkpoint for another replica takes, at most. */
  readonly stateReadUsMax: number
  /** What of a partition is given at once, at most; 0: as much as is asked for. */
  readonly pieceBytesMax: number
  /** An AUDIT is ordered so long after the last; 0: never. Unit: ms. */
  readonly auditMs: number
  /** CHECKPOINTs the operator orders. */
  readonly checkpointsPerSecond: number
  readonly scenario: Scenario | undefined
  /** Whether messages pass through the real codec in this run. */
  readonly encodes: boolean
  readonly clients: number
  /** How many of a client's Inputs are large, and how large at most. */
  readonly largeInputs: number
  readonly largeBytesMax: number
  readonly thinkMsMax: number
  /** Whether the chaos waits for the first answer: elections take a good part of a run. */
  readonly warmsUp: boolean
  readonly chaosMs: number
  /** Whether a partial partition is held after the chaos, in which the cluster must go on. */
  readonly holdsPartial: boolean
}

/** Each kind of fault is left out of most runs, so that every mixture comes up, the pure ones too. */
export function drawFaults(prng: Prng, replicas: number): FaultPlan {
  const drawn = prng.next()
  if (drawn < LEFT_BEHIND) return drawLeftBehind(prng, replicas)
  return drawn < LEFT_BEHIND + 0.2 ? drawScenario(prng) : drawMixture(prng, replicas)
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
  // A large Input costs the simulator as much as many small ones.
  const isLarge = prng.chance(0.05)
  const isNarrow = prng.chance(isLarge ? 0.5 : 0.1)
  const faulty = drawFaulty(prng, replicas)
  return {
    loss: often(0.5, () => span(0.002, prng.chance(0.2) ? 0.3 : 0.08)),
    duplication: often(0.4, () => span(0.01, 0.2)),
    lateDuplicates: often(0.5, () => span(0.05, 0.5)),
    reorders: prng.chance(0.5),
    delayUsMin,
    delayUsMax: delayUsMin + prng.between(100, prng.chance(0.2) ? 100_000 : 6_000),
    slowLinksPerSecond: often(0.25, () => span(0.2, 1)),
    bytesPerSecond: isNarrow ? drawBandwidth(prng) : 0,
    streamStallsPerSecond: often(0.25, () => span(0.2, 2)),
    oldMail: often(0.3, () => span(0.05, 0.5)),
    partitionsPerSecond: often(0.5, () => span(0.2, 2)),
    partitionMsMax: prng.between(200, 2_000),
    partitionsTold: prng.chance(0.4),
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
    faulty,
    faultyForEver: prng.chance(0.5),
    lease,
    ...drawCheckpoints(prng, replicas, faulty),
    auditMs: drawAudits(prng, faulty),
    scenario: undefined,
    encodes: prng.chance(0.03),
    clients: prng.between(2, 6),
    largeInputs: isLarge ? span(0.05, 0.5) : 0,
    largeBytesMax: prng.between(16 * 1_024, LARGE_BYTES_MAX),
    thinkMsMax: prng.chance(0.3) ? 0 : prng.between(5, 60),
    warmsUp: prng.chance(0.7),
    chaosMs: prng.between(2_000, 6_000),
    holdsPartial: prng.chance(0.15),
  }
}

/** Nothing goes wrong but what the scenario does, and what may go wrong on the State's way. */
function drawLeftBehind(prng: Prng, replicas: number): FaultPlan {
  const often = (probability: number, value: () => number): number => (prng.chance(probability) ? value() : 0)
  const faulty = prng.chance(0.35) ? new Map([[prng.between(0, replicas - 1), 'two-faced' as const]]) : NOTHING.faulty
  const delayUsMax = prng.between(500, prng.chance(0.3) ? 60_000 : 4_000)
  return {
    ...NOTHING,
    ...drawCheckpoints(prng, replicas, faulty),
    auditMs: prng.chance(0.4) ? prng.between(100, 1_500) : 0,
    checkpointSlots: prng.between(4, 20),
    tailSlots: 0,
    checkpointUsMax: prng.between(2_000, prng.chance(0.3) ? 600_000 : 60_000),
    checkpointCorruption: often(0.25, () => 0.3),
    checkpointsPerSecond: prng.between(1, 6),
    loss: often(0.3, () => 0.1 * prng.next()),
    duplication: often(0.4, () => 0.3 * prng.next()),
    lateDuplicates: 0.3,
    reorders: prng.chance(0.5),
    delayUsMax,
    syncUsMax: prng.between(1_000, 15_000),
    partitionsTold: prng.chance(0.5),
    downMsMax: prng.between(20, 300),
    turnUsMax: often(0.5, () => 500),
    faulty,
    faultyForEver: prng.chance(0.5),
    encodes: prng.chance(0.02),
    scenario: 'left-behind',
    clients: prng.between(3, 6),
    largeInputs: often(0.1, () => 0.1),
    largeBytesMax: 64 * 1_024,
    thinkMsMax: prng.between(5, 30),
    chaosMs: prng.between(3_000, 7_000),
  }
}

/** Nothing goes wrong but what the scenario does. */
function drawScenario(prng: Prng): FaultPlan {
  const scenario = pick(prng, SCENARIOS)
  const isNarrow = scenario === 'narrow-links'
  return {
    ...NOTHING,
    ...(prng.chance(0.3) ? drawCheckpoints(prng, 3, NOTHING.faulty) : {}),
    delayUsMax: prng.between(500, 3_000),
    bytesPerSecond: isNarrow ? drawBandwidth(prng) : 0,
    syncUsMax: prng.between(1_000, 15_000),
    sleeps: prng.chance(0.8),
    turnUsMax: prng.chance(0.5) ? 0 : 500,
    // Bound to a lease, nobody would promise a candidate anything in time.
    lease: scenario !== 'candidate-forgets' && prng.chance(0.7),
    scenario,
    clients: prng.between(3, 8),
    largeInputs: isNarrow ? prng.next() * 0.5 : 0,
    largeBytesMax: prng.between(16 * 1_024, LARGE_BYTES_MAX),
    thinkMsMax: prng.between(5, 20),
    chaosMs: prng.between(4_000, 8_000),
  }
}

function drawCheckpoints(prng: Prng, replicas: number, faulty: FaultPlan['faulty']): Checkpointing {
  const takesThem = prng.chance(0.6)
  return {
    checkpointSlots: takesThem ? prng.between(5, 60) : 0,
    tailSlots: prng.chance(0.5) ? 0 : prng.between(0, 20),
    // A window of slots may be decided at once, and is looked at after it.
    logMemorySlots: prng.chance(0.5) ? 256 : prng.between(34, 60),
    checkpointUsMax: prng.between(2_000, prng.chance(0.3) ? 2_000_000 : 100_000),
    checkpointRot: takesThem && prng.chance(0.3) ? 0.2 + 0.6 * prng.next() : 0,
    // A disk that rots is a failure, too: there are never more of them than may be.
    rottenDisk: pick(prng, faulty.size > 0 ? [...faulty.keys()] : Array.from({ length: replicas }, (_, at) => at)),
    checkpointCorruption: takesThem && prng.chance(0.1) ? 0.2 : 0,
    certifyFailure: takesThem && prng.chance(0.2) ? 0.3 * prng.next() : 0,
    stateReadUsMax: prng.between(1_000, prng.chance(0.3) ? 300_000 : 5_000),
    pieceBytesMax: prng.chance(0.5) ? 0 : prng.between(20, 2_000),
    checkpointsPerSecond: takesThem && prng.chance(0.3) ? 2 * prng.next() : 0,
  }
}

/** Mostly where there is something to be found. */
function drawAudits(prng: Prng, faulty: FaultPlan['faulty']): number {
  return prng.chance(faulty.size > 0 ? 0.6 : 0.1) ? prng.between(600, 4_000) : 0
}

type Checkpointing = Pick<
  FaultPlan,
  | 'checkpointSlots'
  | 'tailSlots'
  | 'logMemorySlots'
  | 'checkpointUsMax'
  | 'checkpointRot'
  | 'rottenDisk'
  | 'checkpointCorruption'
  | 'certifyFailure'
  | 'stateReadUsMax'
  | 'pieceBytesMax'
  | 'checkpointsPerSecond'
>

const NOTHING: FaultPlan = {
  checkpointSlots: 0,
  tailSlots: 0,
  logMemorySlots: 256,
  checkpointUsMax: 50_000,
  checkpointRot: 0,
  rottenDisk: 0,
  checkpointCorruption: 0,
  certifyFailure: 0,
  stateReadUsMax: 5_000,
  pieceBytesMax: 0,
  checkpointsPerSecond: 0,
  auditMs: 0,
  loss: 0,
  duplication: 0,
  lateDuplicates: 0,
  reorders: false,
  delayUsMin: 100,
  delayUsMax: 3_000,
  slowLinksPerSecond: 0,
  bytesPerSecond: 0,
  streamStallsPerSecond: 0,
  oldMail: 0,
  partitionsPerSecond: 0,
  partitionMsMax: 0,
  partitionsTold: false,
  pausesPerSecond: 0,
  pauseMsMax: 0,
  killsPerSecond: 0,
  downMsMax: 20,
  restartsOfAllPerSecond: 0,
  killOneBoundaryIn: 0,
  ambush: 0,
  syncUsMin: 200,
  syncUsMax: 15_000,
  diskStallsPerSecond: 0,
  diskFullPerSecond: 0,
  clockJumpsPerSecond: 0,
  driftPpmMax: 0,
  sleeps: false,
  abdicationsPerSecond: 0,
  resetsPerSecond: 0,
  strangers: 0,
  turnUsMax: 0,
  faulty: new Map(),
  faultyForEver: false,
  lease: false,
  scenario: undefined,
  encodes: false,
  clients: 4,
  largeInputs: 0,
  largeBytesMax: 0,
  thinkMsMax: 20,
  warmsUp: true,
  chaosMs: 4_000,
  holdsPartial: false,
}

/** 0.5 to 10 MB/s, the narrow ones as often as the wide. */
function drawBandwidth(prng: Prng): number {
  const lowest = 500_000
  return prng.between(lowest, pick(prng, [2 * lowest, 4 * lowest, 20 * lowest]))
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
  'narrow-link',
  'stream-stall',
  'old-mail',
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
  'left-behind',
  'rotted',
  'audit-agrees',
  'audit-deviation',
  'audit-evidence',
  'quarantine',
  'repair',
  'verified',
  'checkpoint',
  'checkpoint-ordered',
  'checkpoint-stable',
  'checkpoint-rot',
  'checkpoint-corrupt',
  'certify-failure',
  'truncation',
  'state-transfer',
  'state-transfer-begun',
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
