import { assert, unreachable } from '../base/assert.ts'
import type { Checkpoints } from '../checkpoint/checkpoints.ts'
import type { CheckpointEffect, CheckpointNote } from '../checkpoint/effects.ts'
import type { Executed, Executor } from '../execution/executor.ts'
import type { Log } from '../log/log.ts'
import type { Ballot } from '../model/ballot.ts'
import { BALLOT_NONE } from '../model/ballot.ts'
import type { Certificate, CheckpointInfo } from '../model/checkpoint.ts'
import type { ReplicaId, Slot } from '../model/ids.ts'
import { SLOT_NONE, slotAfter, slot as toSlot } from '../model/ids.ts'
import type { StoredSlot } from '../ports/record-store.ts'
import type { State } from '../state/state.ts'
import type { CheckpointMessage } from '../wire/checkpoint.ts'
import type { Effect } from './effects.ts'
import type { ReplicaEvent } from './events.ts'

/** Unit: ms. A decided slot that can't be read from disk for so long is not waited for: the State of others stands for it. */
const UNREADABLE_MS = 5_000
/** Unit: ms. A CHECKPOINT that was to be ordered and did not come is ordered again. */
const ASK_AGAIN_MS = 10_000
/** Slots, and Inputs, executed in one go while it catches up: a turn of the loop stays short. */
const TURN_SLOTS_MAX = 256
const TURN_INPUTS_MAX = 2_048

type CheckpointEvent = Extract<
  ReplicaEvent,
  {
    kind:
      | 'checkpoint-written'
      | 'checkpoint-failed'
      | 'checkpoint-lost'
      | 'checkpoint-read'
      | 'certified'
      | 'unpacked'
      | 'hold'
  }
>

interface ApplierInit {
  readonly self: ReplicaId
  readonly log: Log
  readonly executor: Executor
  readonly checkpoints: Checkpoints
  /** Nothing is executed before a State was received from others. */
  readonly discardsState?: boolean | undefined
  readonly emit: (effect: Effect) => void
  readonly note: (note: CheckpointNote) => void
  /** A slot was executed. */
  readonly onExecuted: (executed: Executed & { readonly ballot: Ballot }) => void
  /** The State now is that of a checkpoint. */
  readonly onInstalled: (slot: Slot) => void
  /** The log is to go on after this checkpoint. */
  readonly jump: (certificate: Certificate) => void
}

/**
 * Keeps the State where the log is: executes decided slots as they are decided, or later from memory or disk; has the
 * State written as checkpoints; and gets it from others when the log here can't rebuild it.
 */
export class Applier {
  readonly #init: ApplierInit
  /** A read is under way, or brought nothing and is tried again at the next tick. */
  #reads: 'no' | 'yes' | 'at-tick' = 'no'
  /** Since when reads bring nothing. */
  #unreadableMs: number | undefined
  /** Where execution stood when this replica, leading, last ordered a CHECKPOINT by itself, and when that was. */
  #slotAsked: Slot = SLOT_NONE
  #askedMs = Number.NEGATIVE_INFINITY
  /** A State from others is to come, whatever the log here reaches back to. */
  #mustReceive: boolean

  constructor(init: ApplierInit) {
    this.#init = init
    this.#mustReceive = init.discardsState === true
  }

  get slotExecuted(): Slot {
    return this.#init.executor.slotExecuted
  }

  /** The State can't be rebuilt from this replica's log: slots between are missing, or nothing of its own may count. */
  get isStateMissing(): boolean {
    return this.#mustReceive || this.slotExecuted < this.#init.log.slotFirst - 1
  }

  /** Starts from a checkpoint, before the log is taken back. */
  restore(checkpoints: readonly CheckpointInfo[], loaded?: { readonly slot: Slot; readonly state: State }): void {
    if (this.#mustReceive) {
      assert(loaded === undefined, 'what is mistrusted is not executed on')
      this.#init.checkpoints.mistrust(checkpoints)
      return
    }
    if (loaded !== undefined) this.#init.executor.install(loaded.state, loaded.slot)
    this.#init.checkpoints.found(checkpoints, loaded?.slot ?? SLOT_NONE)
  }

  start(nowMs: number): void {
    this.#apply(this.#init.checkpoints.start(nowMs), nowMs)
    this.pump(nowMs)
  }

  /** A slot was decided just now. */
  decided(slot: Slot, ballot: Ballot | undefined, value: Uint8Array, nowMs: number): void {
    if (!this.#mustReceive && slot === slotAfter(this.slotExecuted)) this.#execute({ slot, ballot, value }, nowMs)
  }

  /** Decided slots that could not be executed when they were decided. */
  pump(nowMs: number): void {
    const { log } = this.#init
    let inputs = 0
    for (let slots = 0; slots < TURN_SLOTS_MAX && inputs < TURN_INPUTS_MAX; slots += 1) {
      if (this.isStateMissing) {
        // Of any slot that some checkpoint is of: what comes after it is in the log.
        this.#need(toSlot(Math.max(1, log.slotFirst - 1)), nowMs)
        return
      }
      if (this.slotExecuted >= log.slotDecided) return
      const slot = slotAfter(this.slotExecuted)
      const value = log.decidedValue(slot)
      if (value === undefined) {
        this.#read(slot)
        return
      }
      inputs += this.#execute({ slot, ballot: undefined, value }, nowMs)
    }
  }

  /** Slots came from disk. None: they are not there yet, and are asked for again at the next tick. */
  read(slots: readonly StoredSlot[], nowMs: number): void {
    if (slots.length === 0) {
      this.#reads = 'at-tick'
      this.#unreadableMs ??= nowMs
      if (nowMs - this.#unreadableMs > UNREADABLE_MS) this.#need(slotAfter(this.slotExecuted), nowMs)
      return
    }
    this.#reads = 'no'
    this.#unreadableMs = undefined
    for (const stored of slots) if (stored.slot === slotAfter(this.slotExecuted)) this.#execute(stored, nowMs)
    this.pump(nowMs)
  }

  /** Another replica no longer has the slots that come next. */
  gone(nowMs: number): void {
    this.#need(slotAfter(this.#init.log.slotDecided), nowMs)
  }

  /** Whether this replica, leading, should order a CHECKPOINT now; said once for each. */
  isCheckpointDue(nowMs: number): boolean {
    const { checkpoints } = this.#init
    // One that was asked for may be lost: the queue was full, or this replica stopped leading for a while.
    const isAsked = this.#slotAsked > checkpoints.counter.slotLast && nowMs - this.#askedMs < ASK_AGAIN_MS
    if (!checkpoints.isDue || isAsked) return false
    this.#slotAsked = slotAfter(this.slotExecuted)
    this.#askedMs = nowMs
    return true
  }

  message(from: ReplicaId, message: CheckpointMessage, nowMs: number): void {
    this.#apply(this.#init.checkpoints.message(from, message, nowMs), nowMs)
  }

  peer(replica: ReplicaId, connected: boolean, nowMs: number): void {
    this.#apply(this.#init.checkpoints.peer(replica, connected, nowMs), nowMs)
  }

  tick(nowMs: number): void {
    if (this.#reads === 'at-tick') this.#reads = 'no'
    this.#apply(this.#init.checkpoints.tick(this.slotExecuted, nowMs), nowMs)
  }

  event(event: CheckpointEvent, nowMs: number): void {
    this.#apply(this.#happened(event, nowMs), nowMs)
  }

  #happened(event: CheckpointEvent, nowMs: number): readonly CheckpointEffect[] {
    const { checkpoints } = this.#init
    switch (event.kind) {
      case 'checkpoint-written':
        return checkpoints.written(event.checkpoint, nowMs)
      case 'checkpoint-failed':
        return checkpoints.failed(event.slot, event.message, nowMs)
      case 'checkpoint-lost':
        checkpoints.lost(event.slot)
        return []
      case 'certified':
        this.#init.log.checkpointed(event.slot)
        return checkpoints.certified(event.slot)
      case 'checkpoint-read':
        return checkpoints.read(event.to, event.messages)
      case 'unpacked':
        return checkpoints.unpacked(event, nowMs)
      case 'hold':
        checkpoints.hold(event.slot)
        return []
      default:
        return unreachable(event)
    }
  }

  #apply(effects: readonly CheckpointEffect[], nowMs: number): void {
    const { log, emit, note, jump } = this.#init
    for (const effect of effects) {
      switch (effect.kind) {
        case 'jump':
          if (effect.certificate.slot > log.slotDecided) jump(effect.certificate)
          break
        case 'install':
          this.#install(effect.slot, effect.state, nowMs)
          break
        case 'retain':
          log.truncated(effect.slot)
          emit(effect)
          break
        case 'checkpoint-note':
          note(effect.note)
          break
        case 'send':
        case 'checkpoint':
        case 'certify':
        case 'read-checkpoint':
        case 'unpack':
          emit(effect)
          break
        default:
          unreachable(effect)
      }
    }
  }

  #install(slot: Slot, state: State, nowMs: number): void {
    const { executor, checkpoints, log, onInstalled } = this.#init
    // The log may have come after all while the State was on its way.
    if (slot <= this.slotExecuted) return
    assert(slot <= log.slotDecided, 'what is in a checkpoint is decided')
    executor.install(state, slot)
    this.#mustReceive = false
    checkpoints.installed(slot)
    onInstalled(slot)
    this.pump(nowMs)
  }

  #need(slotMin: Slot, nowMs: number): void {
    const { executor, checkpoints } = this.#init
    if (checkpoints.transfer !== undefined) return
    this.#apply(checkpoints.need(slotMin, executor.state.freeze(), nowMs), nowMs)
  }

  #read(slot: Slot): void {
    if (this.#reads !== 'no') return
    const slotTo = this.#init.log.readableTo(slot)
    if (slotTo === undefined) return
    this.#reads = 'yes'
    this.#init.emit({ kind: 'read-log', to: this.#init.self, slotFrom: slot, slotTo })
  }

  /** @returns how many Inputs it held. */
  #execute({ slot, ballot, value }: StoredSlot, nowMs: number): number {
    const { executor, checkpoints, onExecuted } = this.#init
    const executed = executor.execute(slot, value)
    onExecuted({ ...executed, ballot: ballot ?? BALLOT_NONE })
    const { timeMs, isCheckpoint } = executed
    const counted = { slot, timeMs, bytes: value.length, isCheckpoint }
    this.#apply(
      checkpoints.executed(counted, () => executor.state.freeze()),
      nowMs,
    )
    return executed.inputs.length
  }
}
