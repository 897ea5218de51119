import * as v from 'valibot'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
/** Of a replica: its public key, as a libp2p peer id. */
const replicaId = v.pipe(v.string(), v.minLength(1), v.maxLength(128))
const base64 = v.union([v.literal(''), v.pipe(v.string(), v.base64('expected base64'))])
const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected SHA-256 in lower-case hexadecimal'))

/** By a number above this a newer Synod says that its proofs are made otherwise. */
export const PROOF_FORMAT = 1

/**
 * The certificate of an Output, as it is given to clients and kept in files. How it is checked stands in
 * docs/architecture.md, "The proof of an Output".
 */
export const proofSchema = v.strictObject({
  kind: v.literal('synod proof'),
  format: v.literal(PROOF_FORMAT),
  /** The cluster's id. */
  cluster: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  slot: positive,
  /** Of the Input in its slot, counted from 0. */
  position: count,
  input: v.strictObject({
    client: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
    sequence: positive,
    machine: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
    /** Canonical CBOR of what the machine was asked. */
    payload: base64,
    /** Its client had used this sequence before: nothing was executed, and the Output is that of the first time. */
    repeat: v.boolean(),
  }),
  /** As the machine gave it. */
  output: v.variant('ok', [
    v.strictObject({ ok: v.literal(true), value: v.unknown() }),
    v.strictObject({ ok: v.literal(false), error: v.strictObject({ code: v.string(), message: v.string() }) }),
  ]),
  /** One for each Output of the slot, in its order. */
  digests: v.pipe(v.array(digest), v.minLength(1)),
  /** Each over the digests of the slot, by the key that is the replica's id. */
  signatures: v.array(v.strictObject({ replica: replicaId, signature: base64 })),
  /** The configuration, as the one that made the proof says. Compare it with what you know of the cluster. */
  members: v.array(v.strictObject({ replica: replicaId, name: v.string() })),
})
export type ProofView = v.InferOutput<typeof proofSchema>
