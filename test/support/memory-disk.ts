import { sha256 } from '../../core/crypto/hash.ts'
import type { CheckpointQuery } from '../../core/checkpoint/effects.ts'
import type { Certificate, CheckpointInfo } from '../../core/model/checkpoint.ts'
import type { CanonicalValue } from '../../core/model/canonical.ts'
import { decodeCanonical, encodeCanonical } from '../../core/model/canonical.ts'
import { compareBallots } from '../../core/model/ballot.ts'
import type { Ballot } from '../../core/model/ballot.ts'
import type { Digest } from '../../core/model/digest.ts'
import type { ReplicaId, Slot } from '../../core/model/ids.ts'
import { LIMITS } from '../../core/model/limits.ts'
import type { LogRecord } from '../../core/model/record.ts'
import type { StoredSlot } from '../../core/ports/record-store.ts'
import type { Signer } from '../../core/ports/signer.ts'
import { DigestTree } from '../../core/state/digest-tree.ts'
import type { Entry } from '../../core/state/partition.ts'
import { PARTITIONS } from '../../core/state/partition.ts'
import { State } from '../../core/state/state.ts'
import type { StateView } from '../../core/state/view.ts'
import type { CheckpointMessage } from '../../core/wire/checkpoint.ts'

/** The newest batch of each slot asked for, from the records as they lie there; ends before the first that is missing. */
export function readSlots(
  records: readonly LogRecord[],
  slotFrom: Slot,
  slotTo: Slot,
  bytesMax: number = LIMITS.partBytesMax,
): StoredSlot[] {
  const newest = new Map<Slot, StoredSlot>()
  for (const record of records) {
    if (record.kind !== 'accepted' && record.kind !== 'learned') continue
    if (record.slot < slotFrom || record.slot > slotTo) continue
    const ballot = record.kind === 'accepted' ? record.ballot : undefined
    newest.set(record.slot, { slot: record.slot, ballot, value: record.value })
  }
  const slots: StoredSlot[] = []
  let bytes = 0
  for (let slot: number = slotFrom; slot <= slotTo; slot += 1) {
    const stored = newest.get(slot as Slot)
    if (stored === undefined || (slots.length > 0 && bytes + stored.value.length > bytesMax)) break
    slots.push(stored)
    bytes += stored.value.length
  }
  return slots
}

/** How many records at the front hold nothing past the slot that is needed: as much as a log of segments may drop. */
export function droppable(records: readonly LogRecord[], slot: Slot): number {
  const first = records.findIndex(
    (record) =>
      ((record.kind === 'accepted' || record.kind === 'learned') && record.slot > slot) ||
      (record.kind === 'jumped' && record.certificate.slot > slot),
  )
  return first === -1 ? records.length : first
}

/** Drops so many records from the front, and keeps the highest ballot that was promised or accepted in them. */
export function dropRecords(records: LogRecord[], count: number): void {
  let ballot: Ballot | undefined
  for (const record of records.splice(0, count)) {
    if (!('ballot' in record)) continue
    if (ballot === undefined || compareBallots(record.ballot, ballot) > 0) ballot = record.ballot
  }
  if (ballot !== undefined) records.unshift({ kind: 'promised', ballot })
}

interface Checkpoint {
  readonly slot: Slot
  readonly timeMs: number
  readonly state: StateView
}

interface Held {
  info: CheckpointInfo
  readonly partitions: readonly Uint8Array[]
  readonly digests: readonly Digest[]
}

/** Checkpoints as a disk would keep them, in memory: partitions are packed by leaving them as they are. */
export class MemoryCheckpoints {
  readonly #held = new Map<Slot, Held>()
  /** Of what was written last: the next one differs in a few partitions. */
  #tree: DigestTree | undefined
  /** From now on the pieces it gives are wrong. */
  lies = false
  /** The next checkpoint is written down wrongly, as by memory that fails, and is taken for right here. */
  corrupts = false

  get infos(): CheckpointInfo[] {
    return [...this.#held.values()].map(({ info }) => info).toSorted((left, right) => left.slot - right.slot)
  }

  static encode(checkpoint: Checkpoint): Held {
    return new MemoryCheckpoints().encode(checkpoint)
  }

  /** What writing it gives; nothing is kept before `put`, but the tree of its digests. */
  encode(checkpoint: Checkpoint): Held {
    const { slot, timeMs, state } = checkpoint
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => packed(state.entries(partition)))
    const digests = partitions.map((bytes) => (bytes === EMPTY ? EMPTY_DIGEST : sha256(bytes)))
    const root = this.#rootOf(digests)
    const bytes = partitions.reduce((sum, { length }) => sum + length, 0)
    const sizes = { keys: state.size, stateBytes: bytes, fileBytes: bytes }
    return {
      info: { slot, timeMs, root, ...sizes, durationMs: 0, certificate: undefined },
      partitions,
      digests,
    }
  }

  #rootOf(digests: readonly Digest[]): Digest {
    const tree = this.#tree ?? new DigestTree(sha256, digests)
    this.#tree = tree
    digests.forEach((digest, partition) => {
      tree.replaceLeaf(partition, digest)
    })
    return tree.root
  }

  put(given: Held): CheckpointInfo {
    const root = sha256(encodeCanonical(`not ${given.info.root}`))
    const held = this.corrupts ? { ...given, info: { ...given.info, root } } : given
    this.corrupts = false
    this.#held.set(held.info.slot, held)
    return held.info
  }

  certify(certificate: Certificate): void {
    const held = this.#held.get(certificate.slot)
    if (held !== undefined) held.info = { ...held.info, certificate }
  }

  keep(slots: readonly Slot[]): void {
    for (const slot of this.#held.keys()) if (!slots.includes(slot)) this.#held.delete(slot)
  }

  remove(slot: Slot): void {
    this.#held.delete(slot)
  }

  /** The State of the newest stable checkpoint. */
  load(): { readonly slot: Slot; readonly state: State } | undefined {
    const newest = this.infos.findLast(({ certificate }) => certificate !== undefined)
    const held = newest === undefined ? undefined : this.#held.get(newest.slot)
    if (newest === undefined || held === undefined) return undefined
    const state = new State(sha256)
    for (const [partition, bytes] of held.partitions.entries()) {
      if (bytes !== EMPTY) state.replacePartition(partition, entriesOf(bytes))
    }
    return { slot: newest.slot, state }
  }

  answer(slot: Slot, query: CheckpointQuery): CheckpointMessage[] {
    const held = this.#held.get(slot)
    if (held === undefined) return [{ kind: 'state-gone', slot }]
    if (query.kind === 'digests') {
      return [{ kind: 'digests', slot, digests: [...held.digests] }]
    }
    const pieces = query.pieces.flatMap(({ partition, offset }) => {
      const bytes = held.partitions[partition]
      if (bytes === undefined) return []
      // A file holds nothing of an empty partition.
      if (bytes === EMPTY) return [{ partition, offset, packedBytes: 0, rawBytes: 0, bytes: new Uint8Array(0) }]
      const piece = bytes.slice(offset, offset + LIMITS.pieceBytesMax)
      if (this.lies) piece.fill(0)
      return [{ partition, offset, packedBytes: bytes.length, rawBytes: bytes.length, bytes: piece }]
    })
    return [{ kind: 'state-pieces', slot, pieces }]
  }

  static unpack(bytes: Uint8Array, digest: Digest): readonly Entry[] | undefined {
    return sha256(bytes) === digest ? entriesOf(bytes) : undefined
  }
}

const EMPTY = encodeCanonical(['partition'])
const EMPTY_DIGEST = sha256(EMPTY)

function packed(entries: readonly Entry[]): Uint8Array {
  if (entries.length === 0) return EMPTY
  const flat: CanonicalValue[] = ['partition']
  for (const [key, value] of entries) flat.push(key, value)
  return encodeCanonical(flat)
}

function entriesOf(bytes: Uint8Array): Entry[] {
  const flat = decodeCanonical(bytes)
  if (!isList(flat)) throw new Error('a partition is a list')
  const entries: Entry[] = []
  for (let index = 1; index < flat.length; index += 2) {
    const [key, value] = [flat[index], flat[index + 1]]
    if (typeof key !== 'string' || value === undefined) throw new Error('a partition holds keys and values')
    entries.push([key, value])
  }
  return entries
}

function isList(value: CanonicalValue): value is readonly CanonicalValue[] {
  return Array.isArray(value)
}

/** Signatures without the cost of a curve: nobody here forges one by accident. */
export function testSigner(self: ReplicaId): Signer {
  const by = (replica: ReplicaId, bytes: Uint8Array): Uint8Array =>
    new TextEncoder().encode(sha256(encodeCanonical([replica, bytes])))
  return {
    sign: (bytes) => by(self, bytes),
    verify: (replica, bytes, signature) => Buffer.compare(by(replica, bytes), signature) === 0,
  }
}
