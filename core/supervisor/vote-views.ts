import { PROOF_FORMAT } from '../api/proof.ts'
import type { ProofView } from '../api/proof.ts'
import type { InputVotesView, OutcomeView, OutputView, SlotVotesView, VoteView } from '../api/views.ts'
import { decodeCanonical } from '../model/canonical.ts'
import type { Output } from '../model/output.ts'
import type { Proof } from '../model/proof.ts'
import { majorityOf } from '../model/quorum.ts'
import type { InputVotes, Reply, SlotVotes, Vote } from '../replica/effects.ts'

/** The name of a member, for people; its id where the name is not known. */
export type NameOf = (replica: string) => string

export function voteView(vote: Vote, nameOf: NameOf): VoteView {
  return {
    replica: vote.replica,
    name: nameOf(vote.replica),
    sign: vote.sign,
    digest: vote.digest ?? null,
    afterMs: vote.afterMs === undefined ? null : Math.round(vote.afterMs * 10) / 10,
    signature: vote.signature === undefined ? null : base64(vote.signature),
  }
}

export function votesView(votes: readonly Vote[], nameOf: NameOf): VoteView[] {
  return votes
    .map((vote) => voteView(vote, nameOf))
    .toSorted((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0))
}

export function outputView(output: Output): OutputView {
  return output.ok ? { ok: true, value: output.value } : { ok: false, error: { ...output.error } }
}

function proofView({ cluster, slot, position, input, output, digests, signatures, members }: Proof): ProofView {
  const { client, sequence, machine, payload, isRepeat } = input
  return {
    kind: 'synod proof',
    format: PROOF_FORMAT,
    cluster,
    slot,
    position,
    input: { client, sequence, machine, payload: base64(payload), repeat: isRepeat },
    output: outputView(output),
    digests: [...digests],
    signatures: signatures.map(({ replica, signature }) => ({ replica, signature: base64(signature) })),
    members: members.map(({ replica, name }) => ({ replica, name })),
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** @returns undefined for `busy`, which is a refusal and no outcome. */
export function outcomeView(
  reply: Reply,
  context: { readonly nameOf: NameOf; readonly via: string; readonly kind: AskedKind },
): OutcomeView | undefined {
  switch (reply.kind) {
    case 'output': {
      const votes = votesView(reply.votes, context.nameOf)
      const proof = reply.proof === undefined ? {} : { proof: reply.proof === null ? null : proofView(reply.proof) }
      return { kind: 'output', slot: reply.slot, output: outputView(reply.output), votes, ...proof }
    }
    case 'fail': {
      const votes = votesView(reply.votes, context.nameOf)
      const message = failMessage({ reason: reply.reason, votes, kind: context.kind })
      return { kind: 'fail', reason: reply.reason, message, slot: reply.slot ?? null, votes }
    }
    case 'stale':
      return { kind: 'stale', slot: reply.slot, output: outputView(reply.output), replica: context.via }
    case 'busy':
      return undefined
  }
}

/** What was asked: it decides what a FAIL means. */
export type AskedKind = 'input' | 'read' | 'checkpoint' | 'audit'

const AFTER_FAIL: Readonly<Record<AskedKind, string>> = {
  input: 'The Input may still take effect; a retry with the same client and sequence is safe.',
  read: 'A read changes nothing; ask again.',
  audit: 'The AUDIT may still be ordered; one more does no harm.',
  checkpoint: 'The checkpoint may still be taken; to ask for another one does no harm.',
}

export function failMessage(fail: {
  readonly reason: 'no-majority' | 'too-few-outputs'
  readonly votes: readonly VoteView[]
  readonly kind: AskedKind
}): string {
  const total = fail.votes.length
  const answered = fail.votes.filter((vote) => vote.sign !== 'none').length
  const needed = majorityOf(total)
  const what =
    fail.reason === 'no-majority'
      ? `No Output reached a majority: ${answered} of ${total} replicas answered, and no ${needed} of them alike.`
      : `Too few Outputs by the deadline: ${answered} of ${total} replicas answered, ${needed} are needed.`
  return `${what} ${AFTER_FAIL[fail.kind]}`
}

/** Without the slot: it would be told anew for each. */
export function wrongSignatureText(name: string, { replica }: { readonly replica: string }, nameOf: NameOf): string {
  const who = nameOf(replica)
  return `Replica ${name}: a vote of ${who} is not signed by ${who}. It counts, and stands in no proof.`
}

export function slotVotesView(slot: SlotVotes, nameOf: NameOf): SlotVotesView {
  return {
    slot: slot.slot,
    ballot: ballotView(slot.ballot, nameOf),
    timeMs: slot.timeMs,
    inputCount: slot.inputCount,
    inputs: slot.inputs.map((input) => inputVotesView(input, nameOf)),
  }
}

/** "7.b": round and proposer's name; "–" where the slot was fetched and its ballot is not known. */
export function ballotView(ballot: { readonly round: number; readonly proposer: string }, nameOf: NameOf): string {
  return ballot.round === 0 ? '–' : `${ballot.round}.${nameOf(ballot.proposer)}`
}

/** What an Input holds; null for what no door let through, and another version may still have ordered. */
export function payloadView(payload: Uint8Array): unknown {
  try {
    return decodeCanonical(payload)
  } catch {
    return null
  }
}

function inputVotesView({ input, output, failed, votes }: InputVotes, nameOf: NameOf): InputVotesView {
  return {
    kind: input.kind,
    client: input.client,
    sequence: input.sequence,
    machine: input.machine,
    input: payloadView(input.payload),
    proxy: nameOf(input.proxy),
    output: output === undefined ? null : outputView(output),
    failed: failed ?? null,
    votes: votesView(votes, nameOf),
  }
}
