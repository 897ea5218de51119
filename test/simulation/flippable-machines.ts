import type { CanonicalValue } from '../../core/model/canonical.ts'
import { kv } from '../../core/machine/kv.ts'
import type { Machine } from '../../core/machine/machine.ts'
import type { Registry } from '../../core/machine/registry.ts'
import { createUntriedRegistry } from '../../core/machine/registry.ts'

/**
 * The shipping machines, but the State under them can be tampered with: at the next write, one more key is written
 * over. The replica itself is not asked; it has nothing that would allow it.
 */
export class FlippableMachines {
  readonly registry: Registry
  #pending: { readonly key: string; readonly value: CanonicalValue } | undefined
  #isFlipped = false

  constructor() {
    const machine: Machine = {
      ...kv,
      apply: (state, input, context) => {
        const output = kv.apply(state, input, context)
        if (this.#pending !== undefined && isWrite(input)) {
          state.set(`entry/${this.#pending.key}`, [this.#pending.value])
          this.#pending = undefined
          this.#isFlipped = true
        }
        return output
      },
    }
    this.registry = createUntriedRegistry([machine])
  }

  /** Whether the State differs from what was ordered. */
  get isFlipped(): boolean {
    return this.#isFlipped
  }

  /** What it holds was changed behind its back. */
  rotted(): void {
    this.#isFlipped = true
  }

  flip(key: string, value: CanonicalValue): void {
    this.#pending = { key, value }
  }

  /** A new life of the process rebuilds its State from the log; or it was received from others. */
  restore(): void {
    this.#pending = undefined
    this.#isFlipped = false
  }
}

function isWrite(input: CanonicalValue): boolean {
  return typeof input === 'object' && input !== null && 'op' in input && input['op'] !== 'get' && input['op'] !== 'scan'
}
