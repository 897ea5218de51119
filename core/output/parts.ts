import type { ReplicaId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { OutputMessage } from '../wire/output.ts'

/**
 * What one member's Outputs may take in memory, of all slots together. Unit: bytes. The Outputs of a slot that are
 * larger are not opened: then who computed others itself answers FAIL. Whose own are the majority's needs none of them.
 */
export const PART_BYTES_MAX = 2 * LIMITS.outputBytesMax
/** What an Output takes in memory beyond its encoding, about. */
const OUTPUT_BYTES = 128

interface Gathered {
  /** One question, one part: what was not asked for is not taken. */
  isAsked: boolean
  outputs: Uint8Array[]
  /** They hash to what the member voted for, and are kept in the tally. */
  isOpened: boolean
  /** Of the parts, and of the Outputs they were opened to. */
  bytes: number
}

/**
 * Outputs that other replicas tell of slots under vote, part by part. Parts are taken in order, from who was asked, and
 * each member's share of the memory is bounded, so that no member can fill it.
 */
export class Parts {
  readonly #slots = new Map<Slot, Map<ReplicaId, Gathered>>()
  readonly #bytesOf = new Map<ReplicaId, number>()
  #bytes = 0

  /** What all of it takes in memory, about. */
  get bytes(): number {
    return this.#bytes
  }

  isAsked(slot: Slot, from: ReplicaId): boolean {
    return this.#slots.get(slot)?.get(from)?.isAsked ?? false
  }

  /** The question for the first Output of this slot that is not there yet. */
  ask(slot: Slot, from: ReplicaId): OutputMessage {
    const members = this.#slots.get(slot) ?? new Map<ReplicaId, Gathered>()
    this.#slots.set(slot, members)
    const gathered = members.get(from) ?? { isAsked: true, outputs: [], isOpened: false, bytes: 0 }
    members.set(from, gathered)
    gathered.isAsked = true
    return { kind: 'outputs-request', slot, first: gathered.outputs.length }
  }

  /** @returns all Outputs of the slot, when this part was the last; `more`, when there are further ones to ask for. */
  take(
    from: ReplicaId,
    { slot, first, count, outputs }: Extract<OutputMessage, { kind: 'outputs' }>,
  ): readonly Uint8Array[] | 'more' | 'refused' {
    const gathered = this.#slots.get(slot)?.get(from)
    if (gathered?.isAsked !== true || first !== gathered.outputs.length) return 'refused'
    if (outputs.length === 0 || first + outputs.length > count) return 'refused'
    const bytes = outputs.reduce((sum, output) => sum + output.length + OUTPUT_BYTES, 0)
    if ((this.#bytesOf.get(from) ?? 0) + bytes > PART_BYTES_MAX) return 'refused'
    gathered.isAsked = false
    gathered.outputs.push(...outputs)
    gathered.bytes += bytes
    this.#count(from, bytes)
    return gathered.outputs.length < count ? 'more' : gathered.outputs
  }

  /** The parts made Outputs that are kept in their place: they count until the slot goes. */
  opened(slot: Slot, from: ReplicaId): void {
    const gathered = this.#slots.get(slot)?.get(from)
    if (gathered === undefined) return
    gathered.outputs = []
    gathered.isOpened = true
  }

  /** These parts are of no use; what was opened stays, and counts. */
  drop(slot: Slot, from: ReplicaId): void {
    const members = this.#slots.get(slot)
    const gathered = members?.get(from)
    if (gathered === undefined || gathered.isOpened) return
    members?.delete(from)
    this.#count(from, -gathered.bytes)
  }

  /** Nobody asks for parts of this slot any more. */
  dropAll(slot: Slot): void {
    for (const from of this.#slots.get(slot)?.keys() ?? []) this.drop(slot, from)
  }

  /** The slot is not kept any more. */
  forget(slot: Slot): void {
    for (const [from, { bytes }] of this.#slots.get(slot) ?? []) this.#count(from, -bytes)
    this.#slots.delete(slot)
  }

  #count(from: ReplicaId, bytes: number): void {
    this.#bytes += bytes
    this.#bytesOf.set(from, (this.#bytesOf.get(from) ?? 0) + bytes)
  }
}
