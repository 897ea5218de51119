import type { ReplicaId, Slot } from '../model/ids.ts'
import type { ReadMessage } from '../wire/read.ts'

/** Unit: ms. Who asked has the read ordered long before. */
const KEPT_MS = 1_000
/** Questions of one member. */
const MESSAGES_MAX = 1_024
/** What one member's questions take in memory, about. */
const BYTES_MAX = 8 * 1024 * 1024
/** What is asked for further ahead will not be executed here in time. */
const SLOTS_AHEAD_MAX = 4_096
/** What a question takes in memory beyond its payload, about. */
const READ_BYTES = 256

type ReadRequest = Extract<ReadMessage, { kind: 'read-request' }>

interface Waiting {
  readonly message: ReadRequest
  readonly bytes: number
  readonly dueMs: number
}

/** Other proxies' questions that wait for a slot to be executed here: not for long, and bounded by member. */
export class WaitingReads {
  readonly #members = new Map<ReplicaId, { readonly questions: Set<Waiting>; bytes: number }>()

  /** @returns whether it is kept: else who asked hears nothing, and orders its reads. */
  add(
    from: ReplicaId,
    message: ReadRequest,
    { slotExecuted, nowMs }: { readonly slotExecuted: Slot; readonly nowMs: number },
  ): boolean {
    if (message.slot > slotExecuted + SLOTS_AHEAD_MAX) return false
    const member = this.#members.get(from) ?? { questions: new Set<Waiting>(), bytes: 0 }
    const bytes = message.reads.reduce((sum, { payload }) => sum + payload.length + READ_BYTES, READ_BYTES)
    if (member.questions.size >= MESSAGES_MAX || member.bytes + bytes > BYTES_MAX) return false
    this.#members.set(from, member)
    member.questions.add({ message, bytes, dueMs: nowMs + KEPT_MS })
    member.bytes += bytes
    return true
  }

  /** Takes out what may be answered from the State after this slot. */
  take(slotExecuted: Slot): { readonly from: ReplicaId; readonly message: ReadRequest }[] {
    const ready = this.#remove(({ message }) => message.slot <= slotExecuted)
    return ready.map(([from, { message }]) => ({ from, message }))
  }

  /** Drops what nobody waits for any more. */
  tick(nowMs: number): void {
    this.#remove(({ dueMs }) => nowMs >= dueMs)
  }

  #remove(matches: (waiting: Waiting) => boolean): [ReplicaId, Waiting][] {
    const removed: [ReplicaId, Waiting][] = []
    for (const [from, member] of this.#members) {
      for (const waiting of member.questions) {
        if (!matches(waiting)) continue
        member.questions.delete(waiting)
        member.bytes -= waiting.bytes
        removed.push([from, waiting])
      }
    }
    return removed
  }
}
