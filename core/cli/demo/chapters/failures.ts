import type { Stage } from '../stage.ts'
import type { Story } from '../story.ts'

export async function loseMajority(stage: Stage, story: Story): Promise<void> {
  story.chapter('Stop two of three')
  const view = await stage.view()
  const followers = view.replicas.map(({ name }) => name).filter((name) => name !== view.leader)
  await Promise.all(followers.map((replica) => stage.call('replica.stop', { cluster: stage.cluster, replica })))
  const input = { client: 'patient', sequence: 1, input: { op: 'increment', key: 'patience' }, timeoutMs: 1_500 }
  const outcome = await stage.submit(input)
  story.check(outcome.kind === 'fail', 'With one of three left the reply is FAIL.')
  story.check(outcome.reason === 'too-few-outputs', 'The reason is given: too few Outputs.', outcome.message)

  story.chapter('Start them again')
  await Promise.all(followers.map((replica) => stage.call('replica.start', { cluster: stage.cluster, replica })))
  const well = await stage.until(
    'the cluster serves again',
    ({ phase, survivable }) => phase === 'serving' && survivable === 1,
  )
  story.check(well.phase === 'serving', 'It goes on where it was.', well.health.sentence)
  const again = await stage.output({ ...input, timeoutMs: 10_000 })
  const value = again.output.ok ? JSON.stringify(again.output.value) : ''
  story.check(value === '{"value":1}', 'The Input that got FAIL was sent again and took effect exactly once.', value)
}

export async function killLeader(stage: Stage, story: Story): Promise<void> {
  story.chapter('kill -9 the leader')
  const before = await stage.until('a leader is known', ({ leader }) => leader !== null)
  const leader = before.leader ?? ''
  const pid = before.replicas.find(({ name }) => name === leader)?.pid
  await stage.call('cluster.inject', { cluster: stage.cluster, fault: { kind: 'kill', replica: leader } })
  const killedMs = performance.now()
  const outcome = await stage.output({
    client: 'witness',
    sequence: 1,
    input: { op: 'set', key: 'leader', value: 'new' },
    timeoutMs: 20_000,
  })
  const gapMs = Math.round(performance.now() - killedMs)
  story.check(outcome.output.ok, 'The next Input is served by a new leader.', `${gapMs} ms after the kill`)
  const after = await stage.until('all three are back and level', ({ leader: now, survivable, replicas }) => {
    const slots = new Set(replicas.map(({ slotExecuted }) => slotExecuted))
    return now !== null && survivable === 1 && slots.size === 1
  })
  const { elections } = await stage.call('cluster.elections', { cluster: stage.cluster, limit: 1 })
  const [election] = elections
  story.check(
    election?.previous?.leader === leader && election.cause === 'silence',
    `The election is on record: ${String(election?.leader)} leads because ${leader} was silent.`,
  )
  story.check(after.ballot !== before.ballot, `Ballot ${String(before.ballot)} gave way to ${String(after.ballot)}.`)
  const restarted = after.replicas.find(({ name }) => name === leader)
  story.check(
    restarted?.process === 'running' && restarted.pid !== pid && restarted.slotExecuted === after.slotDecided,
    `Replica ${leader} was started again by its host and caught up.`,
  )
}

export async function restartAll(stage: Stage, story: Story): Promise<void> {
  story.chapter('Restart everything')
  const before = await stage.view()
  await stage.close()
  await stage.open()
  const after = await stage.until(
    'the cluster serves',
    ({ phase, survivable }) => phase === 'serving' && survivable === 1,
  )
  story.check(
    after.slotDecided >= before.slotDecided,
    'The host and all replicas were stopped and started; no decided slot is missing.',
    `${before.slotDecided} slots before`,
  )
  const held = await stage.call('cluster.read', {
    cluster: stage.cluster,
    machine: 'kv',
    input: { op: 'get', key: 'truth' },
  })
  const value = held.kind === 'output' && held.output.ok ? JSON.stringify(held.output.value) : ''
  story.check(
    value.includes('"value":42'),
    'The State is still there: rebuilt by each replica from its newest checkpoint and its Input log.',
    value,
  )
  const total = await stage.call('cluster.read', { cluster: stage.cluster, machine: 'ledger', input: { op: 'total' } })
  const sum = total.kind === 'output' && total.output.ok ? JSON.stringify(total.output.value) : ''
  story.check(sum.includes('"total":102'), 'The ledger adds up to what went in.', sum)
  const retried = await stage.output({ client: 'retrying', sequence: 1, input: { op: 'increment', key: 'retries' } })
  const first = retried.output.ok ? JSON.stringify(retried.output.value) : ''
  story.check(first === '{"value":1}', 'Even a retry from before the restart gets its first Output.', first)
}
