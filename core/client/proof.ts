import * as v from 'valibot'
import { PROOF_FORMAT, proofSchema } from '../api/proof.ts'
import { messageOf } from '../base/errors.ts'
import { toCanonical } from '../model/canonical.ts'
import type { Digest } from '../model/digest.ts'
import { clientId, clusterId, replicaId, sequence, slot } from '../model/ids.ts'
import { outputFrom } from '../model/output.ts'
import type { Proof } from '../model/proof.ts'

export type ProofText = { readonly ok: true; readonly proof: Proof } | { readonly ok: false; readonly message: string }

/** A proof as it stands in a file. Whether it is valid is another question: see `checkProof`. */
export function readProof(text: string): ProofText {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return refused('The file is not JSON, so it is no proof.')
  }
  const head = v.safeParse(v.looseObject({ kind: v.literal('synod proof'), format: v.number() }), json)
  if (!head.success) return refused('The file is not a proof of an Output.')
  if (head.output.format > PROOF_FORMAT) {
    const { format } = head.output
    return refused(`The proof has format ${format}; this Synod knows formats up to ${PROOF_FORMAT}. Take a newer one.`)
  }
  const decoded = v.safeParse(proofSchema, json)
  if (decoded.success) return toProof(decoded.output)
  const [issue] = decoded.issues
  const path = v.getDotPath(issue)
  return refused(`The proof is not as one is written${path === null ? '' : `, at ${path}`}: ${issue.message}.`)
}

function toProof(view: v.InferOutput<typeof proofSchema>): ProofText {
  const { client, sequence: number, machine, payload, repeat } = view.input
  try {
    const output = outputFrom(toCanonical(view.output))
    if (output === undefined) return refused('The proof’s output is not one a machine gives.')
    return {
      ok: true,
      proof: {
        cluster: clusterId(view.cluster),
        slot: slot(view.slot),
        position: view.position,
        input: {
          client: clientId(client),
          sequence: sequence(number),
          machine,
          payload: bytesOf(payload),
          isRepeat: repeat,
        },
        output,
        // The schema has checked that they are.
        digests: view.digests.map((digest) => digest as Digest),
        signatures: view.signatures.map(({ replica, signature }) => ({
          replica: replicaId(replica),
          signature: bytesOf(signature),
        })),
        members: view.members.map(({ replica, name }) => ({ replica: replicaId(replica), name })),
      },
    }
  } catch (error) {
    return refused(`The proof’s output has no canonical form: ${messageOf(error)}.`)
  }
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

function refused(message: string): ProofText {
  return { ok: false, message }
}
