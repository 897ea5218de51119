import type { Edit } from '../../simulation/mutants/table.ts'

const NOBODY = "'0'.repeat(64)"

/** What makes a replica answer with its own Output, and neither make, sign nor send a vote. */
export const WITHOUT_VOTES: readonly Edit[] = [
  // Nothing is hashed for the vote.
  {
    file: 'core/execution/executor.ts',
    find: 'const digests = outputDigests(this.#hash, { inputs, repeats }, outputs)',
    replace: `const digests = outputs.map(() => ${NOBODY})`,
  },
  {
    file: 'core/execution/executor.ts',
    find: 'const digest = slotDigest(this.#hash, digests)',
    replace: `const digest = ${NOBODY}`,
  },
  // Nothing is signed or sent.
  {
    file: 'core/replica/replica.ts',
    find: 'const vote = proxies.size === 0 ? undefined : this.#stages.answers.vote(slot)',
    replace: 'const vote = undefined',
  },
  {
    file: 'core/replica/output-traffic.ts',
    find: 'for (const ask of votes.askAgain(awaited, nowMs)) send(ask.to, ask.message)',
    replace: 'void [votes, awaited, send, nowMs]',
  },
  // The proxy's own Output is enough.
  {
    file: 'core/output/votes.ts',
    find: 'const own = context.isCounted && signature !== undefined ? { digest, signature } : undefined',
    replace: 'const own = { digest, signature }',
  },
  {
    file: 'core/output/tally.ts',
    find: 'return this.#quorum.isReached(this.#votes.keys())',
    replace: 'return true',
  },
  {
    file: 'core/output/tally.ts',
    find: 'if (this.#quorum.isReached(alike)) this.#majority = body',
    replace: 'if (alike.length > 0) this.#majority = body',
  },
]
