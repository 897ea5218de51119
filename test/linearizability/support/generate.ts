import type { Prng } from '../../../core/base/prng.ts'
import type { History } from '../history.ts'
import type { Invocation } from '../recorder.ts'
import { HistoryRecorder } from '../recorder.ts'

export interface Run<State, Input, Output> {
  readonly prng: Prng
  readonly processes: number
  readonly operations: number
  /** The probability that a client never learns how its operation ended. */
  readonly doubt: number
  readonly init: State
  readonly inputOf: (prng: Prng, operation: number) => Input
  /** The object itself: one operation after another, so that what clients see is linearizable. */
  readonly apply: (state: State, input: Input) => { readonly state: State; readonly output: Output }
}

interface Client<Input, Output> {
  readonly input: Input
  readonly invocation: Invocation<Output>
  output?: Output
}

/**
 * A linearizable history: clients call, an object applies one operation after another while their calls overlap, and
 * clients return. An operation in doubt is applied at some later time, or never.
 */
export function generate<State, Input, Output>(run: Run<State, Input, Output>): History<Input, Output> {
  const { prng, processes, operations, doubt, inputOf, apply } = run
  const recorder = new HistoryRecorder<Input, Output>()
  const called: Client<Input, Output>[] = []
  const applied: Client<Input, Output>[] = []
  const names = Array.from({ length: processes }, (_, process) => process)
  const nameOf = new Map<Client<Input, Output>, number>()
  let state = run.init
  let begun = 0
  let replaced = processes
  const takeFrom = <T>(list: T[]): T | undefined => list.splice(prng.between(0, list.length - 1), 1)[0]
  const call = (): void => {
    const name = takeFrom(names) ?? 0
    const input = inputOf(prng, begun)
    begun += 1
    const client = { input, invocation: recorder.invoke(name, input) }
    nameOf.set(client, name)
    called.push(client)
  }
  const effect = (): void => {
    const client = takeFrom(called)
    if (client === undefined) return
    const lost = prng.chance(doubt)
    if (!lost || prng.chance(0.7)) {
      const { state: next, output } = apply(state, client.input)
      state = next
      client.output = output
    }
    if (!lost) {
      applied.push(client)
      return
    }
    client.invocation.info()
    names.push(replaced)
    replaced += 1
  }
  const end = (): void => {
    const client = takeFrom(applied)
    if (client === undefined || !('output' in client)) return
    client.invocation.ok(client.output)
    names.push(nameOf.get(client) ?? 0)
  }
  while (begun < operations || called.length > 0 || applied.length > 0) {
    const choices = [
      ...(begun < operations && names.length > 0 ? [call] : []),
      ...(called.length > 0 ? [effect] : []),
      ...(applied.length > 0 ? [end] : []),
    ]
    choices[prng.between(0, choices.length - 1)]?.()
  }
  return recorder.history()
}
