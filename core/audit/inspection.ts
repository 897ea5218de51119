import { decodeCanonical, encodeCanonical } from '../model/canonical.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import type { AuditReport, DifferingKey, Evidence } from '../model/audit.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { DigestTree } from '../state/digest-tree.ts'
import type { Entry } from '../state/partition.ts'
import { PARTITIONS } from '../state/partition.ts'
import type { AuditMessage } from '../wire/audit.ts'
import { AUDIT_ENTRIES_BYTES_MAX } from '../wire/audit.ts'
import type { AuditSink } from './effects.ts'
import type { Scrub } from './scrub.ts'

/** Unit: ms. What does not come in this time is left out of the evidence. */
const PATIENCE_MS = 1_500
const ASK_AGAIN_MS = 300
/** Keys named in the evidence. */
const KEYS_MAX = 16

interface InspectionInit {
  readonly self: ReplicaId
  /** Who deviates, and what it reported. */
  readonly deviating: AuditReport
  /** What this replica, which is of the majority, held. */
  readonly scrub: Scrub
  readonly reports: () => readonly AuditReport[]
  readonly slotAgreed: Slot | undefined
  readonly hash: HashFunction
  readonly emit: AuditSink
  readonly nowMs: number
}

/** A member of the majority looks where a deviating one differs: first the partitions, then the keys of the first. */
export class Inspection {
  readonly #init: InspectionInit
  #partitions: readonly number[] | undefined
  #askedMs = Number.NEGATIVE_INFINITY
  #isOver = false

  constructor(init: InspectionInit) {
    this.#init = init
  }

  get slot(): Slot {
    return this.#init.scrub.slot
  }

  get replica(): ReplicaId {
    return this.#init.deviating.replica
  }

  get isOver(): boolean {
    return this.#isOver
  }

  tick(nowMs: number): void {
    if (this.#isOver) return
    if (nowMs - this.#init.nowMs > PATIENCE_MS) {
      this.#end([])
      return
    }
    if (nowMs - this.#askedMs < ASK_AGAIN_MS) return
    this.#askedMs = nowMs
    this.#ask()
  }

  digests(digests: readonly Digest[]): void {
    const { hash, scrub, deviating } = this.#init
    if (this.#partitions !== undefined || digests.length !== PARTITIONS) return
    // Digests that do not give the root it reported prove nothing.
    if (new DigestTree(hash, digests).root !== deviating.findings.root) return
    this.#partitions = digests.flatMap((digest, index) => (digest === scrub.digests[index] ? [] : [index]))
    if (this.#partitions.length === 0) this.#end([])
    else this.#ask()
  }

  entries(partition: number, entries: Uint8Array | null): void {
    if (this.#isOver || this.#partitions?.[0] !== partition) return
    const theirs = entries === null ? undefined : entriesFrom(entries)
    this.#end(theirs === undefined ? [] : differing(theirs, this.#init.scrub.state.entries(partition)))
  }

  #ask(): void {
    const { emit, scrub } = this.#init
    const [partition] = this.#partitions ?? []
    const message: AuditMessage =
      partition === undefined
        ? { kind: 'audit-digests-request', slot: scrub.slot }
        : { kind: 'audit-entries-request', slot: scrub.slot, partition }
    emit({ kind: 'send', to: this.replica, message })
  }

  #end(keys: readonly DifferingKey[]): void {
    if (this.#isOver) return
    this.#isOver = true
    const { self, scrub, slotAgreed, reports, emit } = this.#init
    // The one that differs may wait with its restart for this.
    emit({ kind: 'send', to: this.replica, message: { kind: 'audit-inspected', slot: scrub.slot } })
    const evidence: Evidence = {
      slot: scrub.slot,
      replica: this.replica,
      inspector: self,
      reports: reports(),
      majority: scrub.findings,
      slotAgreed,
      partitions: this.#partitions ?? [],
      keys,
    }
    emit({ kind: 'audit-note', note: { kind: 'audit-evidence', evidence } })
  }
}

/** What a replica that is inspected sends of a partition; null when that is too much. */
export function entriesBytes(entries: readonly Entry[]): Uint8Array | null {
  let count = 0
  for (const entry of entries) {
    count += encodeCanonical(entry).length
    // A partition may hold far more than may be sent.
    if (count > AUDIT_ENTRIES_BYTES_MAX) return null
  }
  const bytes = encodeCanonical(entries.flatMap(([key, value]) => [key, value]))
  return bytes.length > AUDIT_ENTRIES_BYTES_MAX ? null : bytes
}

function entriesFrom(bytes: Uint8Array): ReadonlyMap<string, CanonicalValue> | undefined {
  let flat: CanonicalValue
  try {
    flat = decodeCanonical(bytes)
  } catch {
    return undefined
  }
  if (!Array.isArray(flat)) return undefined
  const entries = new Map<string, CanonicalValue>()
  const items = flat as readonly CanonicalValue[]
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [key, value] = [items[index], items[index + 1]]
    if (typeof key !== 'string' || value === undefined) return undefined
    entries.set(key, value)
  }
  return entries
}

function differing(theirs: ReadonlyMap<string, CanonicalValue>, mine: readonly Entry[]): readonly DifferingKey[] {
  const ours = new Map(mine)
  const keys = [...new Set([...theirs.keys(), ...ours.keys()])].sort()
  return keys
    .filter((key) => !isSameValue(theirs.get(key), ours.get(key)))
    .slice(0, KEYS_MAX)
    .map((key) => ({ key, deviating: theirs.get(key), majority: ours.get(key) }))
}

function isSameValue(left: CanonicalValue | undefined, right: CanonicalValue | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  const [mine, theirs] = [encodeCanonical(left), encodeCanonical(right)]
  return mine.length === theirs.length && mine.every((byte, index) => byte === theirs[index])
}
