import type { CanonicalValue } from '../../core/model/canonical.ts'
import { encodeCanonical } from '../../core/model/canonical.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { clientId, sequence } from '../../core/model/ids.ts'
import type { Input } from '../../core/model/input.ts'
import { encodeBatch } from '../../core/wire/batch.ts'
import { a } from './members.ts'

interface InputChoice {
  readonly client?: string
  readonly sequence?: number
  readonly kind?: Input['kind']
  readonly machine?: string
  readonly proxy?: ReplicaId
}

/** An Input for a machine, `kv` unless another is named, of client "alice" unless another is. */
export function inputOf(value: CanonicalValue, choice: InputChoice = {}): Input {
  return {
    kind: choice.kind ?? 'input',
    client: clientId(choice.client ?? 'alice'),
    sequence: sequence(choice.sequence ?? 1),
    machine: choice.machine ?? 'kv',
    payload: encodeCanonical(value),
    proxy: choice.proxy ?? a,
  }
}

export function batchOf(timeMs: number, ...inputs: readonly Input[]): Uint8Array {
  return encodeBatch({ kind: 'inputs', timeMs, inputs })
}

/** Bytes that stand for a batch where nobody looks inside. */
export function valueOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
