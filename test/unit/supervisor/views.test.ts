import { describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { outcomeSchema } from '../../../core/api/views.ts'
import { readProof } from '../../../core/client/proof.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import { accepted, rejected } from '../../../core/model/output.ts'
import type { Proof } from '../../../core/model/proof.ts'
import type { Vote } from '../../../core/replica/effects.ts'
import { ballotView, failMessage, outcomeView, slotVotesView, votesView } from '../../../core/supervisor/vote-views.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { inputOf } from '../../support/inputs.ts'
import { a, b, ballotOf, c, three } from '../../support/members.ts'
import { ScriptedHost } from '../../support/scripted-host.ts'
import { settled } from '../../support/host-parts.ts'

async function served(): Promise<ScriptedHost> {
  const { host } = await ScriptedHost.founded()
  await host.bringUp()
  await host.view()
  return host
}

describe('the health of a cluster', () => {
  it('is told while it starts', async () => {
    const { host } = await ScriptedHost.founded()
    await host.bringUp(['a'], null)
    expect(await host.view()).toMatchObject({
      phase: 'founding',
      survivable: -1,
      leader: null,
      ballot: null,
      health: { level: 'attention', sentence: 'Starting. 1 of 3 replicas run; a leader is being elected.' },
      progress: [
        { label: 'Keys made', done: true },
        { label: 'Replica a started', done: true },
        { label: 'Replica b started', done: false },
        { label: 'Replica c started', done: false },
        { label: 'Leader elected', done: false },
      ],
    })
  })

  it('is good when all run and a majority knows the leader', async () => {
    const host = await served()
    expect(await host.view()).toMatchObject({
      phase: 'serving',
      quorum: 2,
      survivable: 1,
      leader: 'a',
      ballot: '7.a',
      health: { level: 'good', sentence: 'Healthy. Can lose 1 of 3. Leader: a.' },
    })
  })

  it('asks for attention when one more failure would be too many, and names who is down', async () => {
    const host = await served()
    host.launcher.newest('c').exit({ code: 1, signal: null })
    await settled()
    expect(await host.view()).toMatchObject({
      phase: 'serving',
      survivable: 0,
      health: {
        level: 'attention',
        sentence: 'No failure is survivable now: 2 of 3 replicas run. c is down. Leader: a.',
      },
    })
  })

  it('is a danger without a majority, with what is missing', async () => {
    const host = await served()
    for (const name of ['b', 'c']) host.launcher.newest(name).kill()
    await settled()
    expect(await host.view()).toMatchObject({
      phase: 'no-quorum',
      survivable: -1,
      health: {
        level: 'danger',
        sentence: 'No majority: 1 of 3 replicas run, 2 are needed. Requests fail until 1 more starts.',
      },
    })
    host.launcher.newest('a').kill()
    await settled()
    expect((await host.view()).health.sentence).toBe(
      'No majority: 0 of 3 replicas run, 2 are needed. Requests fail until 2 more start.',
    )
  })

  it('is a danger while nobody leads, though all run', async () => {
    const host = await served()
    for (const name of ['a', 'b']) host.launcher.newest(name).report({ leader: undefined })
    expect(await host.view()).toMatchObject({
      phase: 'no-quorum',
      leader: null,
      health: { level: 'danger', sentence: 'No leader: an election is under way. Requests wait.' },
    })
  })

  it('names a liar', async () => {
    const host = await served()
    const leader = host.launcher.newest('a').orders.self
    host.launcher.newest('b').report({ leader, lies: true })
    const view = await host.view()
    expect([view.health, view.replicas.map((replica) => replica.faults)]).toEqual([
      { level: 'attention', sentence: 'b lies (injected) and is outvoted. Can lose 1 of 3. Leader: a.' },
      [[], ['lie'], []],
    ])
  })

  it('says that a stopped cluster is kept', async () => {
    const host = await served()
    await host.ask('cluster.stop', { cluster: 'Home' })
    expect(await host.view()).toMatchObject({
      phase: 'stopped',
      health: { level: 'attention', sentence: 'Stopped. Nothing is served; the log is kept.' },
      replicas: [
        { process: 'stopped', role: null },
        { process: 'stopped', role: null },
        { process: 'stopped', role: null },
      ],
    })
  })

  it('keeps what stays true on disk of a replica that is down, and nothing else', async () => {
    const host = await served()
    host.launcher
      .newest('c')
      .report({ role: 'follower', slotDecided: 9, slotExecuted: 8, logBytes: 700, connectedTo: ['x'], lies: true })
    host.launcher.newest('c').kill()
    await settled()
    expect((await host.view()).replicas[2]).toMatchObject({
      name: 'c',
      process: 'restarting',
      pid: null,
      role: null,
      slotDecided: 9,
      slotExecuted: 8,
      logBytes: 700,
      connectedTo: [],
      faults: [],
    })
  })
})

const names: Readonly<Record<string, string>> = { a: 'zeta', b: 'alpha' }
const nameOf = (replica: string): string => names[replica] ?? replica
const digest = sha256(new Uint8Array(0))
const vote = (replica: typeof a, init: Partial<Vote> = {}): Vote => ({
  replica,
  sign: 'none',
  digest: undefined,
  afterMs: undefined,
  signature: undefined,
  ...init,
})

const signature = Uint8Array.of(0xfb, 0xff)

describe('votes, for people', () => {
  it('are in order of the members’ names, with times to a tenth of a millisecond', () => {
    expect(
      votesView([vote(a, { sign: 'agrees', digest, afterMs: 1.26, signature }), vote(b), vote(c)], nameOf),
    ).toEqual([
      { replica: 'b', name: 'alpha', sign: 'none', digest: null, afterMs: null, signature: null },
      { replica: 'c', name: 'c', sign: 'none', digest: null, afterMs: null, signature: null },
      { replica: 'a', name: 'zeta', sign: 'agrees', digest, afterMs: 1.3, signature: '+/8=' },
    ])
  })

  it('show a slot with its ballot, and none where the slot was fetched', () => {
    const input = inputOf({ op: 'get', key: 'k' }, { proxy: b })
    const slotVotes = {
      slot: slot(4),
      ballot: ballotOf(7, b),
      timeMs: 5,
      inputCount: 40,
      inputs: [{ input, output: undefined, failed: 'no-majority' as const, votes: [] }],
    }
    expect(slotVotesView(slotVotes, nameOf)).toEqual({
      slot: 4,
      ballot: '7.alpha',
      timeMs: 5,
      inputCount: 40,
      inputs: [
        {
          kind: 'input',
          client: 'alice',
          sequence: 1,
          machine: 'kv',
          input: { op: 'get', key: 'k' },
          proxy: 'alpha',
          output: null,
          failed: 'no-majority',
          votes: [],
        },
      ],
    })
    expect(ballotView({ round: 0, proposer: '' }, nameOf)).toBe('–')
  })
})

describe('the outcome of a request', () => {
  const context = { nameOf, via: 'alpha', kind: 'input' } as const

  it('is the Output with its votes, a refusal by the machine being one too', () => {
    const reply = { kind: 'output', slot: slot(3), votes: [] } as const
    expect([
      outcomeView({ ...reply, output: accepted([1]) }, context),
      outcomeView({ ...reply, output: rejected('overdraft', 'too little') }, context),
    ]).toEqual([
      { kind: 'output', slot: 3, output: { ok: true, value: [1] }, votes: [] },
      {
        kind: 'output',
        slot: 3,
        output: { ok: false, error: { code: 'overdraft', message: 'too little' } },
        votes: [],
      },
    ])
  })

  it('holds the proof where one was asked for, so that it can be read again as it was', () => {
    const input = inputOf({ op: 'set', key: 'ключ', value: 1.5 })
    const { client, sequence, machine, payload } = input
    const proof: Proof = {
      cluster: clusterId('5a'.repeat(16)),
      slot: slot(3),
      position: 2,
      input: { client, sequence, machine, payload, isRepeat: true },
      output: rejected('overdraft', 'too little'),
      digests: [digest, digest, digest],
      signatures: [{ replica: b, signature }],
      members: three.members,
    }
    const reply = { kind: 'output', slot: slot(3), output: proof.output, votes: [] } as const
    const outcome = outcomeView({ ...reply, proof }, context)
    expect(v.is(outcomeSchema, outcome)).toBe(true)
    const written = JSON.stringify(outcome?.kind === 'output' ? outcome.proof : undefined)
    expect(readProof(written)).toEqual({ ok: true, proof })
    expect(outcomeView({ ...reply, proof: null }, context)).toMatchObject({ proof: null })
    expect(Object.keys(outcomeView(reply, context) ?? {})).not.toContain('proof')
  })

  it('names the replica of a stale read, and is none for "busy"', () => {
    expect(outcomeView({ kind: 'stale', slot: slot(3), output: accepted(1) }, context)).toEqual({
      kind: 'stale',
      slot: 3,
      output: { ok: true, value: 1 },
      replica: 'alpha',
    })
    expect(outcomeView({ kind: 'busy' }, context)).toBe(undefined)
  })

  it('says of FAIL what happened, what it means and what to do', () => {
    const votes = votesView([vote(a, { sign: 'answered' }), vote(b, { sign: 'answered' }), vote(c)], nameOf)
    expect([
      failMessage({ reason: 'no-majority', votes, kind: 'input' }),
      failMessage({ reason: 'too-few-outputs', votes: votes.slice(1), kind: 'read' }),
    ]).toEqual([
      'No Output reached a majority: 2 of 3 replicas answered, and no 2 of them alike. The Input may still take effect; a retry with the same client and sequence is safe.',
      'Too few Outputs by the deadline: 1 of 2 replicas answered, 2 are needed. A read changes nothing; ask again.',
    ])
    expect(outcomeView({ kind: 'fail', reason: 'too-few-outputs', slot: undefined, votes: [] }, context)).toMatchObject(
      { kind: 'fail', slot: null },
    )
  })

  it('shows bytes of an input as they were encoded', () => {
    const input = { ...inputOf(null), payload: encodeCanonical(Uint8Array.of(1)) }
    const shown = slotVotesView(
      {
        slot: slot(1),
        ballot: ballotOf(1, a),
        timeMs: 1,
        inputCount: 1,
        inputs: [{ input, output: undefined, failed: undefined, votes: [] }],
      },
      nameOf,
    )
    expect(shown.inputs[0]?.input).toEqual(Uint8Array.of(1))
  })
})
