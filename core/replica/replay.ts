import { Executor } from '../execution/executor.ts'
import type { Registry } from '../machine/registry.ts'
import type { HashFunction } from '../model/digest.ts'
import type { Slot } from '../model/ids.ts'
import { State } from '../state/state.ts'

/** What a State is rebuilt from outside of a replica: the very execution that ships, and nothing of its protocols. */
export class Replay {
  readonly #executor: Executor
  #timeMs = 0

  /** Begins with an empty State at slot 0. */
  constructor(init: { readonly registry: Registry; readonly hash: HashFunction }) {
    const { registry, hash } = init
    // Its Outputs go to nobody.
    this.#executor = new Executor({ state: new State(hash), registry, hash, teller: 'replay' })
  }

  get state(): State {
    return this.#executor.state
  }

  get slotExecuted(): Slot {
    return this.#executor.slotExecuted
  }

  /** Ordered time of the last slot. Unit: ms since 1970. */
  get timeMs(): number {
    return this.#timeMs
  }

  /** The State after that slot: execution goes on behind it. */
  install(state: State, at: { readonly slot: Slot; readonly timeMs: number }): void {
    this.#executor.install(state, at.slot)
    this.#timeMs = at.timeMs
  }

  /** @throws InvariantError unless `slot` is the next one. */
  execute(slot: Slot, value: Uint8Array): void {
    this.#timeMs = this.#executor.execute(slot, value).timeMs
  }
}
