import type { Ballot } from '../model/ballot.ts'
import type { Configurations } from '../model/configurations.ts'
import type { Digest, HashFunction } from '../model/digest.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import type { Output } from '../model/output.ts'
import type { OutputMessage } from '../wire/output.ts'
import { Parts } from './parts.ts'
import type { SlotVote } from './tally.ts'
import { Tally } from './tally.ts'
import { toldFrom } from './told.ts'

/** Unit: ms. Votes that did not come, and bodies, are asked for again. */
const ASK_AGAIN_MS = 150
/** How often votes are asked for that only complete the picture: nobody waits for them. */
const ASKS_FOR_PICTURE_MAX = 4
/** Votes that come before the slot was executed here: so many of each member, as it has one a slot. */
const SLOTS_EARLY_MAX = 4096

/** What an Input and its Output take in memory beyond payload and encoding, about. */
const INPUT_BYTES = 512

/** A slot this replica is the proxy of, under vote. */
export interface SlotUnderVote {
  readonly slot: Slot
  readonly ballot: Ballot
  readonly timeMs: number
  readonly inputs: readonly Input[]
  readonly tally: Tally
  /** When this replica executed it, by its clock. */
  readonly executedMs: number
}

interface Open extends SlotUnderVote {
  /** What it takes in memory, about: for the bound on what is kept. */
  readonly bytes: number
  /** Rises with every change of any slot: readers ask for what came after what they have. */
  version: number
  asks: number
  askedMs: number
}

interface AddressedOutput {
  readonly to: ReplicaId
  readonly message: OutputMessage
}

interface VotesInit {
  readonly self: ReplicaId
  readonly configurations: Configurations
  readonly hash: HashFunction
}

/** The proxy's side of the vote: gathers it, asks for what is missing, keeps the newest slots for the console. */
export class Votes {
  readonly #init: VotesInit
  readonly #open = new Map<Slot, Open>()
  readonly #early = new Map<Slot, Map<ReplicaId, SlotVote & { readonly atMs: number }>>()
  /** Slots with a vote missing, or a digest without its Outputs. */
  readonly #unsettled = new Set<Slot>()
  /** Slots in which a digest differs that was not asked about yet. */
  readonly #differing = new Set<Slot>()
  readonly #parts = new Parts()
  #slotExecuted: Slot | 0 = 0
  #bytes = 0
  #version = 0

  constructor(init: VotesInit) {
    this.#init = init
  }

  /** Slots up to here were executed in an earlier life or by others: votes on them come too late. */
  recovered(slotExecuted: Slot): void {
    this.#slotExecuted = slotExecuted
    for (const slot of this.#early.keys()) if (slot <= slotExecuted) this.#early.delete(slot)
  }

  find(slot: Slot): SlotUnderVote | undefined {
    return this.#open.get(slot)
  }

  /**
   * This replica executed a slot; without Inputs of its own clients (`isProxy`) only early votes are dropped. In
   * quarantine its own Outputs are not `isCounted`.
   */
  executed(
    executed: Omit<SlotUnderVote, 'tally' | 'executedMs'> & {
      readonly outputs: readonly Output[]
      readonly repeats: ReadonlySet<number>
      readonly digests: readonly Digest[]
      readonly digest: Digest
      readonly bytes: number
      /** Of this replica's own vote; absent where it votes for nobody. */
      readonly signature: Uint8Array | undefined
    },
    context: { readonly isProxy: boolean; readonly isCounted: boolean; readonly nowMs: number },
  ): SlotUnderVote | undefined {
    this.#slotExecuted = executed.slot
    const early = this.#early.get(executed.slot)
    this.#early.delete(executed.slot)
    if (!context.isProxy) return undefined
    const { configurations, hash, self } = this.#init
    const { slot, ballot, timeMs, inputs, digest, signature } = executed
    const own = context.isCounted && signature !== undefined ? { digest, signature } : undefined
    const configuration = configurations.at(slot)
    const tally = new Tally({ configuration, hash, inputs, abstainer: own === undefined ? self : undefined })
    tally.own(digest, executed)
    if (own !== undefined) tally.vote(self, own, context.nowMs)
    for (const [replica, vote] of early ?? []) tally.vote(replica, vote, vote.atMs)
    const bytes = inputs.reduce((sum, { payload }) => sum + payload.length + INPUT_BYTES, executed.bytes)
    const open: Open = {
      slot,
      ballot,
      timeMs,
      inputs,
      bytes,
      tally,
      executedMs: context.nowMs,
      version: 0,
      asks: 0,
      askedMs: context.nowMs,
    }
    this.#open.set(slot, open)
    this.#bytes += bytes
    this.#changed(open)
    this.#trim()
    return open
  }

  /** @returns the slot, when its tally changed. */
  vote(from: ReplicaId, vote: SlotVote & { readonly slot: Slot }, nowMs: number): SlotUnderVote | undefined {
    const open = this.#open.get(vote.slot)
    if (open !== undefined) {
      open.tally.vote(from, vote, nowMs)
      return this.#changed(open)
    }
    if (vote.slot <= this.#slotExecuted || vote.slot > this.#slotExecuted + SLOTS_EARLY_MAX) return undefined
    const early = this.#early.get(vote.slot) ?? new Map<ReplicaId, SlotVote & { atMs: number }>()
    this.#early.set(vote.slot, early)
    const { digest, signature } = vote
    if (!early.has(from)) early.set(from, { digest, signature, atMs: nowMs })
    return undefined
  }

  /** A part of the Outputs behind a digest. @returns the slot, when its tally changed. */
  outputs(from: ReplicaId, message: Extract<OutputMessage, { kind: 'outputs' }>): SlotUnderVote | undefined {
    const open = this.#open.get(message.slot)
    const digest = open?.tally.digestOf(from)
    if (open === undefined || digest === undefined || message.count !== open.inputs.length) return undefined
    if (!open.tally.unopened().includes(from)) {
      // Another one's Outputs hash to the same digest: these are not needed any more.
      this.#parts.drop(message.slot, from)
      return undefined
    }
    const taken = this.#parts.take(from, message)
    if (taken === 'refused') return undefined
    // The next part is asked for when one came that was missing: not for every repetition.
    if (taken === 'more') this.#differing.add(message.slot)
    const isOpened = taken !== 'more' && this.#opens(open, { from, digest, bodies: taken })
    if (isOpened) this.#changed(open)
    this.#trim()
    return isOpened ? open : undefined
  }

  /** Votes that differ: their Outputs are asked for at once. */
  askDiffering(nowMs: number): AddressedOutput[] {
    const asks: AddressedOutput[] = []
    for (const slot of this.#differing) {
      const open = this.#open.get(slot)
      if (open === undefined) continue
      open.askedMs = nowMs
      for (const to of open.tally.unopened())
        if (!this.#parts.isAsked(slot, to)) asks.push({ to, message: this.#parts.ask(slot, to) })
    }
    this.#differing.clear()
    return asks
  }

  /** What must be asked again of whom. `isAwaited`: a client still waits for this slot. */
  askAgain(isAwaited: (slot: Slot) => boolean, nowMs: number): AddressedOutput[] {
    const asks: AddressedOutput[] = []
    const missing = new Map<ReplicaId, Slot[]>()
    for (const slot of this.#unsettled) {
      const open = this.#open.get(slot)
      if (open === undefined || (open.asks >= ASKS_FOR_PICTURE_MAX && !isAwaited(slot))) {
        this.#unsettled.delete(slot)
        this.#parts.dropAll(slot)
        continue
      }
      if (nowMs - open.askedMs < ASK_AGAIN_MS) continue
      open.asks += 1
      open.askedMs = nowMs
      for (const to of open.tally.unopened()) asks.push({ to, message: this.#parts.ask(slot, to) })
      for (const to of open.tally.missing()) {
        const slots = missing.get(to) ?? []
        missing.set(to, slots)
        if (slots.length < LIMITS.outputSlotsMax) slots.push(slot)
      }
    }
    for (const [to, slots] of missing) asks.push({ to, message: { kind: 'vote-request', slots } })
    return asks
  }

  /** The newest slots, newest first; only those before `slotBefore`, and changed after `version`. */
  recent(query: { readonly slotBefore?: number; readonly versionAfter?: number; readonly limit: number }): {
    readonly version: number
    readonly slots: readonly SlotUnderVote[]
    /** Slots that fit the query beyond its limit. */
    readonly more: number
  } {
    const slots: SlotUnderVote[] = []
    let more = 0
    for (const open of [...this.#open.values()].toReversed()) {
      if (query.slotBefore !== undefined && open.slot >= query.slotBefore) continue
      if (query.versionAfter !== undefined && open.version <= query.versionAfter) continue
      if (slots.length < query.limit) slots.push(open)
      else more += 1
    }
    return { version: this.#version, slots, more }
  }

  /** @returns whether the Outputs are those that the member voted for. */
  #opens(
    { slot, tally }: Open,
    told: { readonly from: ReplicaId; readonly digest: Digest; readonly bodies: readonly Uint8Array[] },
  ): boolean {
    const body = toldOutputs(told.bodies)
    const isOpened = body !== undefined && tally.body(told.digest, body.outputs, body.repeats)
    if (isOpened) this.#parts.opened(slot, told.from)
    else this.#parts.drop(slot, told.from)
    return isOpened
  }

  #changed(open: Open): SlotUnderVote {
    this.#version += 1
    open.version = this.#version
    const differs = open.tally.unopened().length > 0
    if (differs && open.asks === 0) this.#differing.add(open.slot)
    if (!differs) this.#parts.dropAll(open.slot)
    if (!differs && open.tally.missing().length === 0) this.#unsettled.delete(open.slot)
    else this.#unsettled.add(open.slot)
    return open
  }

  #trim(): void {
    for (const [slot, { bytes }] of this.#open) {
      const bytesAll = this.#bytes + this.#parts.bytes
      const fits = this.#open.size <= LIMITS.outputSlotsMax && bytesAll <= LIMITS.outputBytesMax
      // The newest stay whatever their size: somebody waits for their Outputs.
      if (fits || this.#open.size <= LIMITS.outputSlotsMin) return
      this.#open.delete(slot)
      this.#unsettled.delete(slot)
      this.#parts.forget(slot)
      this.#bytes -= bytes
    }
  }
}

/** @returns undefined where bytes are no Output. */
function toldOutputs(
  bodies: readonly Uint8Array[],
): { readonly outputs: readonly Output[]; readonly repeats: ReadonlySet<number> } | undefined {
  const repeats = new Set<number>()
  const outputs: Output[] = []
  for (const [position, bytes] of bodies.entries()) {
    const told = toldFrom(bytes)
    if (told === undefined) return undefined
    if (told.isRepeat) repeats.add(position)
    outputs.push(told.output)
  }
  return { outputs, repeats }
}
