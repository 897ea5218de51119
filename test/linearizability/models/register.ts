import { unreachable } from '../../../core/base/assert.ts'
import type { Operation } from '../history.ts'
import type { Model, Step } from '../model.ts'

/** null is the register that was never written. */
export type RegisterValue = null | boolean | number | string

export type RegisterInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: RegisterValue }
  | { readonly kind: 'cas'; readonly expected: RegisterValue; readonly value: RegisterValue }

/** What a read answered; null for a write and for a compare-and-set, which returned only if it found `expected`. */
export type RegisterOutput = RegisterValue

export const register: Model<RegisterValue, RegisterInput, RegisterOutput> = {
  init: null,
  step,
  key: (state) => JSON.stringify(state),
  isRead: ({ input }) => input.kind === 'read',
}

function step(state: RegisterValue, { input, output }: Operation<RegisterInput, RegisterOutput>): Step<RegisterValue> {
  switch (input.kind) {
    case 'read':
      return { ok: output === undefined || output === state, state }
    case 'write':
      return { ok: true, state: input.value }
    case 'cas':
      if (state === input.expected) return { ok: true, state: input.value }
      // In doubt, it may have found another value and changed nothing.
      return { ok: output === undefined, state }
    default:
      return unreachable(input)
  }
}
