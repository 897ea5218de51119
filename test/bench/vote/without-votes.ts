/**
 * Loaded before everything else (`node --import`), in the processes of a cluster that does not vote: a proxy answers
 * with its own Output once it has executed the Input, and no vote is made, signed or sent. The text of the core is
 * changed on its way in; the shipped code has no switch for it.
 */
import { plantEdits } from '../../simulation/mutants/plant.ts'

const NOBODY = "'0'.repeat(64)"

plantEdits('without votes', [
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
    find: 'const vote = proxies.size === 0 ? undefined : this.#answers.vote(slot)',
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
    find: 'if (context.isCounted && signature !== undefined) tally.vote(self, { digest, signature }, context.nowMs)',
    replace: 'tally.vote(self, { digest, signature }, context.nowMs)',
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
])
