import type { Digest } from '../../../core/model/digest.ts'
import { slot as toSlot } from '../../../core/model/ids.ts'
import type { Replica } from '../../../core/replica/replica.ts'
import { nodeName } from '../journal.ts'
import type { ModelExecution } from '../model-execution.ts'
import { holds } from './violation.ts'

/** Roots are compared at slots divisible by this. */
const ROOT_EVERY_SLOTS = 16

interface Watermarks {
  readonly slotDecided: number
  readonly slotExecuted: number
}

interface AgreementInit {
  readonly nodes: number
  /** So many of the newest batches are in a replica's memory at least. */
  readonly memorySlots: number
  readonly model: ModelExecution
  /** What a quorum was seen to accept for a slot; undefined while none was. */
  readonly chosen: (slot: number) => Uint8Array | undefined
  /** A slot is decided for the first time anywhere. */
  readonly onDecided: (slot: number, value: Uint8Array, names: readonly string[]) => void
}

/** One decided batch a slot, whoever decides it and whenever, and only what a quorum accepted; equal State at equal slots. */
export class AgreementChecker {
  readonly #init: AgreementInit
  readonly #values: (Uint8Array | undefined)[] = [undefined]
  readonly #roots = new Map<number, Digest>()
  /** Per node: how far its decided slots were looked at in this life, and its watermarks then. */
  readonly #checked: number[]

  constructor(init: AgreementInit) {
    this.#init = init
    this.#checked = new Array<number>(init.nodes).fill(0)
  }

  /** The highest slot decided anywhere. */
  get slotDecided(): number {
    return this.#values.length - 1
  }

  /** A replica that restarted is looked at from the first slot again. */
  restarted(node: number): void {
    this.#checked[node] = 0
  }

  /** `hasRotten`: its State was tampered with, so only its log is checked. */
  check(node: number, replica: Replica, hasRotten: boolean): Watermarks {
    const { slotDecided, slotExecuted } = replica.status
    let checked = this.#checked[node] ?? 0
    if (checked === slotDecided) return { slotDecided, slotExecuted }
    holds(checked < slotDecided, 'watermarks', () => {
      return `the decided index of ${nodeName(node)} fell from ${checked} to ${slotDecided}`
    })
    holds(slotExecuted <= slotDecided, 'watermarks', () => {
      return `${nodeName(node)} executed slot ${slotExecuted}, and decided up to ${slotDecided}`
    })
    while (checked < slotDecided) {
      checked += 1
      const value = replica.decidedValue(toSlot(checked))
      // Behind a checkpoint, or on disk only: somebody has shown its batch before.
      if (value === undefined) this.#passed(node, checked, replica)
      else this.#checkValue(node, checked, value)
    }
    this.#checked[node] = checked
    if (!hasRotten && slotExecuted % ROOT_EVERY_SLOTS === 0) this.checkRoot(node, replica)
    return { slotDecided, slotExecuted }
  }

  checkRoot(node: number, replica: Replica): void {
    this.root(node, replica.status.slotExecuted, replica.stateRoot())
  }

  /** The State of a node after a slot has this root. */
  root(node: number, slot: number, root: Digest): void {
    const known = this.#roots.get(slot)
    if (known === undefined) this.#roots.set(slot, root)
    else holds(known === root, 'equal State', () => `after slot ${slot} the State of ${nodeName(node)} differs`)
  }

  #passed(node: number, slot: number, replica: Replica): void {
    const isOld = slot < replica.checkpoints.slotFirst || slot <= replica.status.slotDecided - this.#init.memorySlots
    holds(isOld && this.#values[slot] !== undefined, 'agreement', () => {
      return `${nodeName(node)} holds no batch for decided slot ${slot}`
    })
  }

  #checkValue(node: number, slot: number, value: Uint8Array): void {
    const known = this.#values[slot]
    if (known !== undefined) {
      holds(known === value || Buffer.compare(known, value) === 0, 'agreement', () => {
        return `slot ${slot} was decided twice, differently, last at ${nodeName(node)}`
      })
      return
    }
    const chosen = this.#init.chosen(slot)
    holds(chosen !== undefined, 'agreement', () => `${nodeName(node)} decided slot ${slot}, which no quorum accepted`)
    holds(Buffer.compare(chosen, value) === 0, 'agreement', () => {
      return `${nodeName(node)} decided another batch for slot ${slot} than a quorum accepted`
    })
    this.#values.push(value)
    this.#init.onDecided(slot, value, this.#init.model.execute(value))
  }
}
