import type { InputVotesView, OutcomeView, OutputView, SlotVotesView, VoteView } from '../api/views.ts'
import { decodeCanonical } from '../model/canonical.ts'
import type { Output } from '../model/output.ts'
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

/** @returns undefined for `busy`, which is a refusal and no outcome. */
export function outcomeView(
  reply: Reply,
  context: { readonly nameOf: NameOf; readonly via: string; readonly kind: AskedKind },
): OutcomeView | undefined {
  switch (reply.kind) {
    case 'output': {
      const votes = votesView(reply.votes, context.nameOf)
      return { kind: 'output', slot: reply.slot, output: outputView(reply.output), votes }
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
export type AskedKind = 'input' | 'read' | 'checkpoint'

const AFTER_FAIL: Readonly<Record<AskedKind, string>> = {
  input: 'The Input may still take effect; a retry with the same client and sequence is safe.',
  read: 'A read changes nothing; ask again.',
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

function inputVotesView({ input, output, failed, votes }: InputVotes, nameOf: NameOf): InputVotesView {
  return {
    kind: input.kind,
    client: input.client,
    sequence: input.sequence,
    machine: input.machine,
    input: decodeCanonical(input.payload),
    proxy: nameOf(input.proxy),
    output: output === undefined ? null : outputView(output),
    failed: failed ?? null,
    votes: votesView(votes, nameOf),
  }
}
