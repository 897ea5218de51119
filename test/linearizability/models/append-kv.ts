import { unreachable } from '../../../core/base/assert.ts'
import type { History, Operation } from '../history.ts'
import type { Model, Step } from '../model.ts'

export type AppendInput =
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'append'; readonly key: string; readonly value: string }

/** What a get answered; the empty string for the others. */
export type AppendOutput = string

/** Keys that hold text and begin empty; one key is one partition. */
export const appendKv: Model<string, AppendInput, AppendOutput> = {
  init: '',
  step,
  key: (state) => state,
  isRead: ({ input }) => input.kind === 'get',
  partitionOf: ({ input }) => input.key,
  lookahead,
}

function step(state: string, { input, output }: Operation<AppendInput, AppendOutput>): Step<string> {
  switch (input.kind) {
    case 'get':
      return { ok: output === undefined || output === state, state }
    case 'put':
      return { ok: true, state: input.value }
    case 'append':
      return { ok: true, state: state + input.value }
    default:
      return unreachable(input)
  }
}

/** Where text only grows, whoever reads later reads an extension of it. */
function lookahead(partition: History<AppendInput, AppendOutput>) {
  if (partition.some(({ input }) => input.kind === 'put')) return undefined
  return (state: string, { output }: Operation<AppendInput, AppendOutput>) =>
    output === undefined || output.startsWith(state)
}
