import type * as v from 'valibot'
import type { readSchema, submitSchema } from '../api/contract.ts'
import type { ReplicaRequest } from '../host/protocol.ts'
import type { Registry, ValidatedInput } from '../machine/registry.ts'
import { encodeCanonical } from '../model/canonical.ts'
import { clientId, sequence } from '../model/ids.ts'
import { RefusedError } from './errors.ts'

/** Unit: ms. How long a client waits for a majority of Outputs when it does not say. */
const TIMEOUT_MS = 5_000

interface Door {
  readonly registry: Registry
  readonly bytesMax: number
}

type Submit = Omit<Extract<ReplicaRequest, { kind: 'submit' }>, 'request'>
type Read = Omit<Extract<ReplicaRequest, { kind: 'read' }>, 'request'>

/** Checks an Input before it is ordered. @throws RefusedError that says what was expected; nothing has happened then. */
export function prepareSubmit(argument: v.InferOutput<typeof submitSchema>, door: Door): Submit {
  if (argument.client.startsWith('~')) {
    throw new RefusedError(
      'INPUT_REFUSED',
      'A client name does not begin with "~": those names are the cluster\'s own.',
    )
  }
  if (!argument.client.isWellFormed()) {
    throw new RefusedError('INPUT_REFUSED', 'The client name is not well-formed Unicode; expected 1 to 128 characters.')
  }
  return {
    kind: 'submit',
    client: clientId(argument.client),
    sequence: sequence(argument.sequence),
    machine: argument.machine,
    payload: payload(door.registry.validateInput(argument.machine, argument.input), door),
    timeoutMs: argument.timeoutMs ?? TIMEOUT_MS,
    ...proofOf(argument),
  }
}

/** The same for a read, which must be an operation that changes nothing. */
export function prepareRead(argument: v.InferOutput<typeof readSchema>, door: Door): Read {
  if (argument.consistency === 'stale' && argument.proof === true) {
    const message = 'A stale read is one replica’s word and has no proof; ask for it linearizable, or without a proof.'
    throw new RefusedError('INVALID_ARGUMENT', message)
  }
  return {
    kind: 'read',
    machine: argument.machine,
    payload: payload(door.registry.validateRead(argument.machine, argument.input), door),
    consistency: argument.consistency ?? 'linearizable',
    timeoutMs: argument.timeoutMs ?? TIMEOUT_MS,
    ...proofOf(argument),
  }
}

function proofOf({ proof }: { readonly proof?: boolean | undefined }): { readonly proof?: true } {
  return proof === true ? { proof } : {}
}

function payload(valid: ValidatedInput, door: Door): Uint8Array {
  if (!valid.ok) throw new RefusedError('INPUT_REFUSED', valid.message)
  const bytes = encodeCanonical(valid.value)
  if (bytes.length <= door.bytesMax) return bytes
  const message = `The Input has ${bytes.length} bytes; at most ${door.bytesMax} are allowed. Nothing was ordered.`
  throw new RefusedError('INPUT_TOO_LARGE', message)
}
