import { describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'
import type { Output } from '../../../core/model/output.ts'
import { accepted } from '../../../core/model/output.ts'
import { Answers } from '../../../core/output/answers.ts'
import { Votes } from '../../../core/output/votes.ts'
import type { OutputMessage } from '../../../core/wire/output.ts'
import { askers, outputDigest, slotDigest, voteSignature } from '../../support/digests.ts'
import { a, always, b, ballotOf, three } from '../../support/members.ts'

const OUTPUTS = 12
const OUTPUT_BYTES = 1_500_000

/** A proxy and a member that differs from it, and all they say to each other about one slot of large Outputs. */
function fetched(): { readonly verdict: string | undefined; readonly outputsSent: number } {
  const [votes, answers] = [
    new Votes({ self: a, configurations: always(three), hash: sha256 }),
    new Answers((number, digest) => voteSignature(b, number, digest)),
  ]
  const right = Array.from({ length: OUTPUTS }, (_, index) => accepted(`${index}`.padEnd(OUTPUT_BYTES, 'x')))
  const wrong = right.map((): Output => accepted('wrong'))
  const inputs = askers(right.length)
  const digest = slotDigest(...right)
  answers.keep(slot(1), { outputs: right, repeats: new Set(), digest, bytes: encodeCanonical(right).length })
  votes.executed(
    {
      slot: slot(1),
      ballot: ballotOf(1, a),
      timeMs: 1,
      inputs,
      outputs: wrong,
      repeats: new Set(),
      digests: wrong.map((output, index) => outputDigest(output, inputs[index])),
      digest: slotDigest(...wrong),
      signature: voteSignature(a, 1, slotDigest(...wrong)),
      bytes: 1,
    },
    { isProxy: true, isCounted: true, nowMs: 0 },
  )
  votes.vote(b, { slot: slot(1), digest, signature: voteSignature(b, 1, digest) }, 1)
  let outputsSent = 0
  const onTheWay: OutputMessage[] = votes.askDiffering(1).map(({ message }) => message)
  // Large parts come one a turn of the proxy's loop.
  for (let turns = 0; turns < 5_000; turns += 1) {
    const message = onTheWay.shift()
    if (message?.kind === 'outputs-request') {
      const parts = answers.outputs(a, message.slot, message.first).map((answer) => answer.message)
      outputsSent += parts.reduce((sum, part) => sum + (part.kind === 'outputs' ? part.outputs.length : 0), 0)
      onTheWay.push(...parts)
    }
    if (message?.kind === 'outputs') votes.outputs(b, message)
    onTheWay.push(...votes.askDiffering(2).map((ask) => ask.message))
  }
  return { verdict: votes.find(slot(1))?.tally.unopened().length === 0 ? 'opened' : undefined, outputsSent }
}

describe('the Outputs of a slot that are too large for one message', () => {
  it('are all fetched, none of them much more than once', () => {
    const { verdict, outputsSent } = fetched()
    expect(verdict).toBe('opened')
    expect(outputsSent).toBeLessThanOrEqual(2 * OUTPUTS)
  })
})
