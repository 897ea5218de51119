import type { CanonicalValue } from '../../../core/model/canonical.ts'
import type { Reply } from '../../../core/replica/effects.ts'
import { check } from '../../linearizability/checker.ts'
import type { KvInput, KvOutput } from '../../linearizability/models/kv.ts'
import { kv, kvOutput } from '../../linearizability/models/kv.ts'
import { HistoryRecorder } from '../../linearizability/recorder.ts'
import type { Operation } from '../operations.ts'
import { isRecord } from '../operations.ts'
import { holds } from './violation.ts'

const TEXT_MAX = 32
const SUPERSEDED = 'sequence-superseded'
/** Of one key's search. A bound in bytes, not in time, so that a run goes alike on every machine. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024

/** The answer to an operation: the first counts. Without one it is in doubt. */
export type Answered = (reply: Reply) => void

/**
 * What the clients saw, as a history for the linearizability checker, which knows nothing of slots, votes or the model
 * execution: Wing and Gong's search over each key.
 */
export class HistoryChecker {
  readonly #recorder = new HistoryRecorder<KvInput, KvOutput>()
  #operations = 0
  #undecided = 0

  get operations(): number {
    return this.#operations
  }

  /** Keys whose search reached its bound. */
  get undecided(): number {
    return this.#undecided
  }

  invoke(operation: Operation): Answered {
    this.#operations += 1
    // Each operation is a process of its own: what is given up may be answered while its client does something else.
    const invocation = this.#recorder.invoke(this.#operations, shortened(operation))
    let isOver = false
    return (reply) => {
      if (isOver || (reply.kind !== 'output' && reply.kind !== 'stale')) return
      const output = kvOutput(reply.output)
      // Its client has gone on since: that tells nothing of whether it took effect when it was asked first.
      if (output.kind === 'rejected' && output.code === SUPERSEDED) return
      isOver = true
      invocation.ok(output.kind === 'accepted' ? { kind: 'accepted', value: shortenedValue(output.value) } : output)
    }
  }

  /** @throws Violation when no order of the operations explains what a client saw. */
  check(): void {
    const limits = { timeMs: Number.POSITIVE_INFINITY, memoryBytes: MEMORY_BYTES_MAX }
    const verdict = check(kv, this.#recorder.history(), limits)
    if (verdict.kind === 'undecided') this.#undecided += 1
    holds(verdict.kind !== 'not-linearizable', 'linearizable histories', () => {
      const key = verdict.kind === 'not-linearizable' ? verdict.partition : ''
      return `no order of the operations on ${key} explains what the clients saw`
    })
  }
}

function shortened(operation: Operation): KvInput {
  return operation.op === 'set' ? { op: 'set', key: operation.key, value: textShortened(operation.value) } : operation
}

function shortenedValue(value: CanonicalValue): CanonicalValue {
  if (!isRecord(value) || typeof value['value'] !== 'string') return value
  return { ...value, value: textShortened(value['value']) }
}

/** The searches hold each value many times: of a large one its beginning, which no two share, and its length do. */
function textShortened<T>(value: T): T | string {
  if (typeof value !== 'string' || value.length <= TEXT_MAX) return value
  return `${value.slice(0, TEXT_MAX)}… ${value.length}`
}
