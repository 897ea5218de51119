import type { InputVotesView } from '../../../api/views.ts'
import type { Stage } from '../stage.ts'
import type { Story } from '../story.ts'

const INPUTS = 20
const SHOWN_EVERY = 5
/** The story orders its AUDITs itself, so that it can say which one found what. */
const NEVER = { slotsMax: 1_000_000_000, intervalMs: 1_000_000_000 }

export async function foundCluster(stage: Stage, story: Story): Promise<void> {
  story.chapter('Found a cluster of three')
  await stage.found('demo', { auditPolicy: NEVER })
  const view = await stage.until('the cluster serves', ({ phase }) => phase === 'serving')
  const pids = new Set(view.replicas.map(({ pid }) => pid))
  story.check(
    pids.size === 3 && !pids.has(null),
    'Three replicas run, each a process of its own.',
    [...pids].join(', '),
  )
  const linked = await stage.until('all are connected', ({ replicas }) =>
    replicas.every(({ connectedTo }) => connectedTo.length === 2),
  )
  story.check(linked.replicas.length === 3, 'Each is connected to both others over libp2p, on loopback only.')
  story.check(view.leader !== null, `They elected a leader: ${String(view.leader)}, ballot ${String(view.ballot)}.`)
  const settled = await stage.until('all are well', ({ survivable }) => survivable === 1)
  story.check(settled.survivable === 1, 'The cluster survives any one failure.', settled.health.sentence)
}

export async function submitInputs(stage: Stage, story: Story): Promise<void> {
  story.chapter('Submit 20 Inputs, to a key-value store and a ledger')
  const inputs = planInputs()
  let agreed = 0
  for (const [index, { machine, input }] of inputs.entries()) {
    const outcome = await stage.output({ sequence: index + 1, machine, input })
    const slot = await stage.votes(outcome.slot, (votes) => votes.inputs.every((one) => allAgree(one)))
    agreed += slot.inputs.filter(allAgree).length > 0 ? 1 : 0
    if (index % SHOWN_EVERY !== SHOWN_EVERY - 1) continue
    const signs = slot.inputs[0]?.votes.map((vote) => `${vote.sign === 'agrees' ? '●' : '✕'} ${vote.name}`).join('  ')
    const shown = outcome.output.ok ? JSON.stringify(outcome.output.value) : outcome.output.error.code
    story.show([`slot ${outcome.slot}  ${machine} ${JSON.stringify(input)}`, `  → ${shown}   ${signs ?? ''}`])
  }
  story.check(agreed === INPUTS, 'All 20 were ordered, executed by each replica, and voted on: 3 of 3 agree on each.')
  const overdraft = await stage.output({
    client: 'spender',
    sequence: 1,
    machine: 'ledger',
    input: { op: 'transfer', from: 'bob', to: 'alice', amount: 1_000_000 },
  })
  story.check(
    !overdraft.output.ok && overdraft.output.error.code === 'overdraft',
    'An overdraft is an Output like any other: ordered, voted on, returned as a refusal.',
  )
}

export async function retry(stage: Stage, story: Story): Promise<void> {
  story.chapter('Send the same Input again')
  const input = { client: 'retrying', sequence: 1, input: { op: 'increment', key: 'retries' } }
  const first = await stage.output(input)
  const second = await stage.output(input)
  story.check(
    JSON.stringify(first.output) === JSON.stringify(second.output),
    'A retry of the same (client, sequence) returns the first Output.',
    JSON.stringify(second.output.ok ? second.output.value : null),
  )
  const held = await stage.call('cluster.read', {
    cluster: stage.cluster,
    machine: 'kv',
    input: { op: 'get', key: 'retries' },
  })
  const value = held.kind === 'output' && held.output.ok ? held.output.value : undefined
  story.check(JSON.stringify(value).includes('"value":1'), 'It did not execute again: the counter stands at 1.')
}

/** Kv and ledger in turn; the ledger's Inputs fit together. */
function planInputs(): { readonly machine: string; readonly input: unknown }[] {
  const ledger = [
    { op: 'open', account: 'alice' },
    { op: 'open', account: 'bob' },
    { op: 'deposit', account: 'alice', amount: 100 },
    { op: 'transfer', from: 'alice', to: 'bob', amount: 30 },
    { op: 'balance', account: 'alice' },
    { op: 'transfer', from: 'alice', to: 'bob', amount: 20 },
    { op: 'withdraw', account: 'bob', amount: 5 },
    { op: 'deposit', account: 'bob', amount: 7 },
    { op: 'balance', account: 'bob' },
    { op: 'total' },
  ]
  return ledger.flatMap((input, index) => [
    { machine: 'kv', input: { op: 'set', key: `reading/${index}`, value: { celsius: 18 + index } } },
    { machine: 'ledger', input },
  ])
}

function allAgree(input: InputVotesView): boolean {
  return input.votes.length === 3 && input.votes.every((vote) => vote.sign === 'agrees')
}
