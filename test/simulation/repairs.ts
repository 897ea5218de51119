import type { Prng } from '../../core/base/prng.ts'
import { auditedBytes } from '../../core/model/audit.ts'
import type { Digest } from '../../core/model/digest.ts'
import { clusterId, replicaId, type Slot } from '../../core/model/ids.ts'
import type { Note } from '../../core/replica/effects.ts'
import type { Replica } from '../../core/replica/replica.ts'
import { testSigner } from '../support/memory-disk.ts'
import type { AgreementChecker } from './checkers/agreement.ts'
import { holds } from './checkers/violation.ts'
import type { FaultPlan, FaultTally } from './faults.ts'
import { nodeName } from './journal.ts'
import type { SimulatedNode } from './node.ts'

const CLUSTER = clusterId('simulated')
const SIGNER = testSigner(replicaId(nodeName(0)))
/** Unit: µs. How long a process that is started anew is away, at most. */
const AWAY_US_MAX = 200_000
const PROVIDE_US = 1_000_000
/** Repairs of one replica without an AUDIT that verified it; then it stays in quarantine. */
const REPAIRS_MAX = 4

interface RepairsInit {
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly nodes: readonly SimulatedNode[]
  readonly agreement: AgreementChecker
  readonly tally: FaultTally
  readonly schedule: (afterUs: number, run: () => void) => void
  readonly start: (node: SimulatedNode) => void
  /** The operator orders a CHECKPOINT there. */
  readonly orderCheckpoint: (node: SimulatedNode) => void
}

/**
 * The host's part of the audit, as the supervisor plays it: who deviates is started anew in quarantine. And what must
 * hold of every audit: it finds nobody at fault who is sound, verifies nobody who is not, and never takes a majority away.
 */
export class Repairs {
  readonly #init: RepairsInit
  readonly #tried = new Map<SimulatedNode, number>()
  readonly #scrubbed = new WeakMap<Replica, { readonly slot: Slot; readonly root: Digest }>()

  constructor(init: RepairsInit) {
    this.#init = init
  }

  noted(node: SimulatedNode, note: Note): void {
    const { tally } = this.#init
    switch (note.kind) {
      case 'audit-result':
        tally.add(`audit-${note.verdict}`)
        this.#judged(node, note)
        return
      case 'audit-evidence':
        tally.add('audit-evidence')
        return
      case 'quarantined':
        tally.add('quarantine')
        holds(this.#isAtFault(node), 'audits find who is at fault', () => {
          return `${nodeName(node.index)} is put into quarantine at slot ${note.slot}, and is sound`
        })
        return
      case 'repair-wanted':
        this.#repair(node)
        return
      case 'transfer-ended':
        node.discardsState = false
        return
      case 'verified':
        tally.add('verified')
        this.#tried.delete(node)
        node.isQuarantined = false
        node.discardsState = false
        return
      default:
    }
  }

  /** Whether every planted deviation is mended: by an audit, or because what was changed was written over. */
  get isMended(): boolean {
    const { nodes } = this.#init
    // What is cheap to see first: this is asked after every event.
    if (nodes.some(({ replica }) => replica?.status.isQuarantined !== false)) return false
    const sound = nodes.find(({ machines }) => !machines.isFlipped)?.replica
    return nodes.every(({ machines, replica }) => {
      if (!machines.isFlipped) return true
      if (sound === undefined || replica?.status.slotExecuted !== sound.status.slotExecuted) return false
      return this.#scrubbedRoot(replica) === this.#scrubbedRoot(sound)
    })
  }

  /** Hashed once a slot: nothing is tampered with any more when this is asked, so only Inputs change a State. */
  #scrubbedRoot(replica: Replica): Digest {
    const slot = replica.status.slotExecuted
    const known = this.#scrubbed.get(replica)
    if (known?.slot === slot) return known.root
    const root = replica.scrubbedRoot()
    this.#scrubbed.set(replica, { slot, root })
    return root
  }

  /** The chaos is over: whoever stayed in quarantine is tried again. */
  calm(): void {
    this.#tried.clear()
  }

  /** What counts was signed, and what a majority reported is what was ordered. */
  #judged(
    { index }: SimulatedNode,
    { slot, verdict, reports, deviating }: Extract<Note, { kind: 'audit-result' }>,
  ): void {
    for (const { replica, findings, signature } of reports) {
      const isSigned = SIGNER.verify(replica, auditedBytes({ cluster: CLUSTER, slot, findings }), signature)
      holds(isSigned, 'signed reports', () => `a report of ${replica} at slot ${slot} counts that it did not sign`)
    }
    if (verdict === 'no-majority') return
    for (const { replica, findings } of reports) {
      if (!deviating.includes(replica)) this.#init.agreement.root(index, slot, findings.root)
    }
  }

  /** Its State was tampered with in this life, or it gave other Outputs than its own. */
  #isAtFault({ index, machines }: SimulatedNode): boolean {
    return machines.isFlipped || this.#init.plan.faulty.get(index) === 'lies'
  }

  #repair(node: SimulatedNode): void {
    const { nodes, prng, schedule, start, tally } = this.#init
    const others = nodes.filter((other) => other !== node && other.replica?.status.isQuarantined === false)
    const tried = this.#tried.get(node) ?? 0
    // It asks again; never is a majority missing for a repair.
    if (others.length < (nodes.length >> 1) + 1 || tried >= REPAIRS_MAX) return
    this.#tried.set(node, tried + 1)
    const { life } = node
    schedule(0, () => {
      if (node.life !== life || node.replica === undefined) return
      tally.add('repair')
      node.isQuarantined = true
      // Once it was rebuilt from what it holds, and was wrong still.
      node.discardsState = tried > 0
      if (node.discardsState) tally.add('repair-by-transfer')
      node.die('repair')
      schedule(prng.between(1_000, AWAY_US_MAX), () => {
        if (node.replica === undefined) start(node)
        if (node.discardsState) this.#provide(node)
      })
    })
  }

  /** Somebody must have a checkpoint to give: one is ordered until the State has come. */
  #provide(node: SimulatedNode): void {
    const { nodes, schedule, orderCheckpoint } = this.#init
    if (!node.discardsState || node.replica?.status.isStateMissing === false) return
    const other = nodes.find(({ replica }) => replica?.status.role === 'leader')
    if (other !== undefined) orderCheckpoint(other)
    schedule(PROVIDE_US, () => {
      this.#provide(node)
    })
  }
}
