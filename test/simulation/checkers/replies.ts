import type { CanonicalValue } from '../../../core/model/canonical.ts'
import type { Output } from '../../../core/model/output.ts'
import type { Reply } from '../../../core/replica/effects.ts'
import type { ModelExecution, ModelOutput } from '../model-execution.ts'
import { nodeName } from '../journal.ts'
import { isRecord } from '../operations.ts'
import { ProofChecker } from './proofs.ts'
import { holds, jsonOf } from './violation.ts'

/** What a client asked: an Input of its own, or a read of a key. */
export type Question =
  | { readonly kind: 'input'; readonly client: string; readonly sequence: number; readonly floor: number }
  | {
      readonly kind: 'linearizable' | 'stale'
      readonly client: string
      readonly key: string
      readonly floor: number
    }

interface RepliesInit {
  readonly model: ModelExecution
  readonly nodes: number
  /** Whether what this node says from its own State may be wrong. */
  readonly isFaulty: (node: number) => boolean
  /** Takes every reply as it comes; only for what another checker must find by itself. */
  readonly isBlind: boolean
}

type Answered = Extract<Reply, { kind: 'output' }>

/**
 * Every reply against the model execution: the right Output, from a slot that is decided, by a majority; and never one
 * that is older than what was acknowledged before the question was asked.
 */
export class ReplyChecker {
  readonly #init: RepliesInit
  readonly #proofs: ProofChecker
  #floor = 0
  #inputs = 0
  #reads = 0
  #failed = 0

  constructor(init: RepliesInit) {
    this.#init = init
    this.#proofs = new ProofChecker(init.nodes, init.isFaulty)
  }

  /** The highest slot whose effect somebody was told of: what is asked from now on must see it. */
  get floor(): number {
    return this.#floor
  }

  /** Inputs answered with their Output. */
  get inputs(): number {
    return this.#inputs
  }

  /** Proofs that were given with an Output. */
  get proofs(): number {
    return this.#proofs.proofs
  }

  /** Linearizable reads answered. */
  get reads(): number {
    return this.#reads
  }

  get failed(): number {
    return this.#failed
  }

  /** @returns whether the question is answered. */
  check(question: Question, reply: Reply, node: number): boolean {
    switch (reply.kind) {
      case 'busy':
        return false
      case 'fail':
        this.#failed += 1
        return false
      case 'stale':
        if (!this.#init.isBlind) this.#checkStale(question, reply, node)
        return true
      case 'output':
        if (this.#init.isBlind) this.#take(question)
        else this.#checkOutput(question, reply, node)
        return true
    }
  }

  /** The Output of a CHECKPOINT is its slot. */
  checkCheckpoint(reply: Reply): void {
    if (reply.kind !== 'output' || this.#init.isBlind) return
    const { output, slot } = reply
    this.#checkMajority(undefined, reply)
    holds(output.ok && isRecord(output.value) && output.value['slot'] === slot, 'reply = right Output', () => {
      return `a CHECKPOINT in slot ${slot}: ${jsonOf(output)}`
    })
  }

  #take(question: Question): void {
    if (question.kind === 'input') this.#inputs += 1
    else this.#reads += 1
  }

  #checkOutput(question: Question, reply: Answered, node: number): void {
    this.#checkMajority(question, reply)
    if (question.kind === 'input') {
      this.#checkInput(question, reply)
      this.#proofs.check(question, reply)
    } else this.#checkRead(question, reply, node)
  }

  #checkMajority(question: Question | undefined, reply: Answered): void {
    const agreeing = reply.votes.filter((vote) => vote.sign === 'agrees').length
    holds(2 * agreeing > this.#init.nodes, 'reply = majority Output', () => {
      return `${textOf(question)} was answered by ${agreeing} of ${this.#init.nodes}`
    })
    holds(reply.slot <= this.#init.model.slotExecuted, 'no acknowledged Input lost', () => {
      return `${textOf(question)} was answered from slot ${reply.slot}, which is not decided`
    })
  }

  #checkInput(question: Extract<Question, { kind: 'input' }>, { slot, output }: Answered): void {
    const { client, sequence } = question
    const expected = this.#init.model.outputAt(slot, `${client}:${sequence}`)
    holds(expected !== undefined, 'no acknowledged Input lost', () => {
      return `${textOf(question)} was answered from slot ${slot}, where it does not stand`
    })
    holds(isSame(output, expected), 'reply = right Output', () => {
      return `${textOf(question)} in slot ${slot}: ${jsonOf(output)} instead of ${jsonOf(expected)}`
    })
    holds(slot > question.floor, 'real time', () => {
      return `${textOf(question)} took effect in slot ${slot}; slot ${question.floor} was acknowledged before it was asked`
    })
    this.#inputs += 1
    this.#floor = Math.max(this.#floor, slot)
  }

  #checkRead(question: Exclude<Question, { kind: 'input' }>, { slot, output }: Answered, node: number): void {
    const { model } = this.#init
    const at = model.readAt(question.key, slot)
    const since = this.#sinceWhen(question, { slot, output }, node)
    holds(since !== undefined, 'linearizable reads', () => {
      const now = jsonOf(model.readAt(question.key, model.slotExecuted).output)
      return (
        `${textOf(question)} was answered ${jsonOf(output)} from slot ${slot}; the model has ` +
        `${jsonOf(at.output)} there and ${now} now; slot ${question.floor} was acknowledged before`
      )
    })
    this.#reads += 1
    this.#floor = Math.max(this.#floor, since)
  }

  /** A slot whose effect the reader has seen; undefined when its answer is wrong or too old. */
  #sinceWhen(
    question: { readonly key: string; readonly floor: number },
    { slot, output }: Pick<Answered, 'slot' | 'output'>,
    node: number,
  ): number | undefined {
    const { model, isFaulty } = this.#init
    const { key, floor } = question
    const at = model.readAt(key, slot)
    if (slot >= floor && isSame(output, at.output)) return Math.max(at.since, floor)
    // An ordered read stands among the writes of its slot.
    if (slot > floor && model.answersWithin(key, slot, (expected) => isSame(output, expected))) {
      return Math.max(floor, slot - 1)
    }
    // The slot of a faulty proxy's own State says nothing about the majority's.
    return isFaulty(node) ? this.#slotThatAnswers(question, output) : undefined
  }

  /** The first slot from the floor on whose State gives this Output. */
  #slotThatAnswers(
    { key, floor }: { readonly key: string; readonly floor: number },
    output: Output,
  ): number | undefined {
    for (let slot = floor; slot <= this.#init.model.slotExecuted; slot += 1) {
      if (isSame(output, this.#init.model.readAt(key, slot).output)) return slot
    }
    return undefined
  }

  #checkStale(question: Question, reply: Extract<Reply, { kind: 'stale' }>, node: number): void {
    holds(question.kind === 'stale', 'linearizable reads', () => {
      return `${textOf(question)} was answered from the State of ${nodeName(node)} alone`
    })
    if (this.#init.isFaulty(node)) return
    const expected = this.#init.model.readAt(question.key, reply.slot).output
    holds(isSame(reply.output, expected), 'stale reads', () => {
      return `${textOf(question)}: ${jsonOf(reply.output)} instead of ${jsonOf(expected)} at slot ${reply.slot}`
    })
  }
}

function textOf(question: Question | undefined): string {
  if (question === undefined) return 'a CHECKPOINT'
  return question.kind === 'input'
    ? `Input ${question.sequence} of ${question.client}`
    : `a ${question.kind} read of ${question.key} by ${question.client}`
}

function isSame(output: Output, expected: ModelOutput): boolean {
  if (!output.ok) return 'refused' in expected && expected.refused === output.error.code
  const value: CanonicalValue = output.value
  if (!isRecord(value)) return false
  const keys = Object.keys(expected)
  return keys.length === Object.keys(value).length && keys.every((key) => value[key] === Reflect.get(expected, key))
}
