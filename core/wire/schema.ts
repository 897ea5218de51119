import * as v from 'valibot'
import type { Ballot } from '../model/ballot.ts'
import type { ClientId, Epoch, ReplicaId, Sequence, Slot } from '../model/ids.ts'
import { CLIENT_ID_CHARS_MAX } from '../model/ids.ts'
import type { Digest } from '../model/digest.ts'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'

/** The words foreign bytes are made of: each is checked here once and branded, so no one below checks again. */

const counted = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

export const slotSchema = v.pipe(
  counted,
  v.transform((value) => value as Slot),
)
export const countSchema = counted
export const epochSchema = v.pipe(
  positive,
  v.transform((value) => value as Epoch),
)
export const replicaIdSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(128),
  v.transform((value) => value as ReplicaId),
)
export const clientIdSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(CLIENT_ID_CHARS_MAX),
  v.transform((value) => value as ClientId),
)
export const sequenceSchema = v.pipe(
  positive,
  v.transform((value) => value as Sequence),
)
export const digestSchema = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/),
  v.transform((value) => value as Digest),
)
export const machineNameSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(64))

export function bytesSchema(lengthMax: number): v.GenericSchema<unknown, Uint8Array> {
  return v.pipe(
    v.instance(Uint8Array),
    v.check((bytes) => bytes.length <= lengthMax, `at most ${lengthMax} bytes`),
  )
}

/** An Ed25519 signature has 64 bytes. */
export const signatureSchema = bytesSchema(64)

export const ballotSchema: v.GenericSchema<unknown, Ballot> = v.strictObject({
  round: positive,
  proposer: replicaIdSchema,
})

/** `BALLOT_NONE` travels too: as what an acceptor has promised so far. */
export const ballotOrNoneSchema: v.GenericSchema<unknown, Ballot> = v.strictObject({
  round: counted,
  proposer: v.pipe(
    v.string(),
    v.maxLength(128),
    v.transform((value) => value as ReplicaId),
  ),
})

export const inputSchema: v.GenericSchema<unknown, Input> = v.strictObject({
  kind: v.picklist(['input', 'read', 'checkpoint', 'audit']),
  client: clientIdSchema,
  sequence: sequenceSchema,
  machine: machineNameSchema,
  payload: bytesSchema(LIMITS.inputBytesMax),
  proxy: replicaIdSchema,
})

export const batchBytesSchema = bytesSchema(LIMITS.partBytesMax)
