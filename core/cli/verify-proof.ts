import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { messageOf } from '../base/errors.ts'
import { readProof } from '../client/proof.ts'
import { sha256 } from '../crypto/hash.ts'
import { createVerifier } from '../crypto/signer.ts'
import { decodeCanonical } from '../model/canonical.ts'
import type { Member } from '../model/configuration.ts'
import { replicaId } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { Proof, ProofCheck } from '../model/proof.ts'
import { checkProof } from '../model/proof.ts'
import { show } from './answering.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { formatOutput } from './formatting.ts'
import { formatCount } from './numbers.ts'
import type { Surroundings } from './surroundings.ts'

export interface VerifyProofOptions {
  /** A file, or ids with commas between them; without it, the members that the proof itself names. */
  readonly members?: string
  readonly json: boolean
}

/** Who must have signed, and who says so. */
interface Members {
  readonly members: readonly Member[]
  readonly from: 'given' | 'the proof'
}

/** Checks the certificate of an Output with nothing but the ids of the members: no host is asked. */
export async function verifyProof(
  file: string,
  { members: given, json }: VerifyProofOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const read = readProof(await textOf(file))
  if (!read.ok) {
    const { message } = read
    if (json) show(surroundings, { json, data: { valid: false, faults: ['not-a-proof'], message }, text: '' })
    else surroundings.writeError(`Not valid. ${message}\n`)
    return INVALID
  }
  const { proof } = read
  const members: Members =
    given === undefined ? { members: proof.members, from: 'the proof' } : await readMembers(given, proof)
  const check = checkProof(proof, {
    members: members.members.map(({ replica }) => replica),
    hash: sha256,
    verify: createVerifier(),
  })
  show(surroundings, { json, data: dataOf(proof, check, members), text: textFor(proof, check, members) })
  return check.isValid ? EXIT.done : INVALID
}

const INVALID = EXIT.refusedByMachine

/** @throws CommandError when it can't be read. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw wrong('PROOF_NOT_READ', `The file ${file} can't be read: ${messageOf(cause)}.`)
  }
}

const statusSchema = v.object({
  clusters: v.array(
    v.object({ id: v.string(), name: v.string(), replicas: v.array(v.object({ id: v.string(), name: v.string() })) }),
  ),
})

/**
 * From a file with what `synod status --json` prints, or with an id a line; or from ids with commas between them.
 *
 * @throws CommandError when there is no member in it, or not of the proof's cluster.
 */
async function readMembers(given: string, proof: Proof): Promise<Members> {
  const text = await readFile(given, 'utf8').catch(() => undefined)
  const status = text === undefined ? undefined : v.safeParse(statusSchema, parsed(text))
  if (status?.success === true) {
    const cluster = status.output.clusters.find(({ id }) => id === proof.cluster)
    if (cluster !== undefined) {
      const members = cluster.replicas.map(({ id, name }) => ({ replica: replicaId(id), name }))
      return { members, from: 'given' }
    }
    const known = status.output.clusters.map(({ id, name }) => `"${name}" (${id})`).join(', ')
    const there = known === '' ? 'no cluster' : known
    throw wrong('MEMBERS_UNKNOWN', `The proof is of cluster ${proof.cluster}; ${given} tells of ${there}.`)
  }
  const ids = (text ?? given).split(/[\s,]+/).filter((id) => id !== '')
  const isIds = ids.length > 0 && ids.length <= LIMITS.membersMax && ids.every((id) => ID.test(id))
  if (!isIds) {
    const expected = `ids of members (1 to ${LIMITS.membersMax}), a file with an id a line, or what synod status --json prints`
    throw wrong('MEMBERS_UNKNOWN', `--members: expected ${expected}.`)
  }
  const nameOf = new Map(proof.members.map(({ replica, name }) => [replica, name]))
  const replicas = [...new Set(ids)].map(replicaId)
  const members = replicas.map((replica) => ({ replica, name: nameOf.get(replica) ?? '?' }))
  return { members, from: 'given' }
}

/** Base58: the id of an Ed25519 key is about 52 characters long. */
const ID = /^[1-9A-HJ-NP-Za-km-z]{20,128}$/

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function dataOf(proof: Proof, check: ProofCheck, { members, from }: Members): object {
  const { cluster, slot, position, input, output } = proof
  const { client, sequence, machine, isRepeat } = input
  return {
    valid: check.isValid,
    faults: check.faults,
    cluster,
    slot,
    position,
    input: { client, sequence, machine, input: askedIn(proof) ?? null, repeat: isRepeat },
    output,
    membersFrom: from === 'given' ? 'given' : 'proof',
    members: members.map(({ replica, name }) => ({ replica, name, signed: check.signers.includes(replica) })),
    needed: check.needed,
    uncounted: check.uncounted,
  }
}

function textFor(proof: Proof, check: ProofCheck, { members, from }: Members): string {
  const { cluster, slot, position, input, output } = proof
  const signed = `${check.signers.length} of ${members.length} members signed it, ${check.needed} are needed`
  const verdict = check.isValid ? 'Valid' : 'Not valid'
  const asked = askedIn(proof)
  return [
    `${verdict} · slot ${formatCount(slot)} of cluster ${cluster}, Input ${position + 1} in it · ${signed}.`,
    ...(check.faults.includes('output') ? ['  The signed digests hold no such Output for this Input.'] : []),
    ...members.map((member) => memberLine(member, check)),
    ...check.uncounted.map(({ replica, why }) => `  ✕ ${replica}  does not count: ${WHY[why]}`),
    `Input: client ${input.client} · sequence ${formatCount(input.sequence)} · ${input.machine} · ${asked === undefined ? 'no canonical CBOR' : JSON.stringify(asked)}`,
    ...(input.isRepeat ? [REPEAT] : []),
    formatOutput(output),
    ...(from === 'given' ? [] : [UNKNOWN_MEMBERS]),
  ].join('\n')
}

const WHY: Readonly<Record<ProofCheck['uncounted'][number]['why'], string>> = {
  stranger: 'it is no member.',
  repeated: 'it has signed already.',
  wrong: 'the signature is not over this slot, or not this replica’s.',
}
const REPEAT =
  'The client had used this sequence, or a later one, before: nothing was executed at this slot. The Output is that of ' +
  'the first time, or a refusal; what was asked the first time is not in this proof.'
const UNKNOWN_MEMBERS =
  'Attention: the members above are the ones that the proof itself names. Compare their ids with those of the cluster ' +
  '(synod status --json), or give those: --members FILE, or --members ID,ID,…'

function memberLine({ replica, name }: Member, { signers }: ProofCheck): string {
  return signers.includes(replica) ? `  ● ${name}  ${replica}  signed` : `  ○ ${name}  ${replica}  did not sign`
}

/** @returns undefined for bytes that no machine is asked with. */
function askedIn({ input }: Proof): unknown {
  try {
    return decodeCanonical(input.payload)
  } catch {
    return undefined
  }
}

function wrong(code: string, message: string): CommandError {
  return new CommandError({ code, exit: EXIT.wrongArguments }, message)
}
