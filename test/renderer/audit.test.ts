import { createPinia, setActivePinia } from 'pinia'
import * as v from 'valibot'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { ConsoleReply } from '../../core/api/contract.ts'
import { incidentFileSchema } from '../../core/client/answers.ts'
import {
  auditFinding,
  auditLevel,
  auditRows,
  differsInOutputs,
  incidentFile,
  partitionWords,
  slotAgreedBefore,
  valueJson,
} from '../../renderer/formatting/audit.ts'
import { differenceOf, type Piece } from '../../renderer/formatting/difference.ts'
import { activeFaults, faultsOn, faultWords } from '../../renderer/formatting/faults.ts'
import { orderOf } from '../../renderer/formatting/input.ts'
import { useActionsStore } from '../../renderer/stores/actions.ts'
import { useAuditNowStore } from '../../renderer/stores/audit-now.ts'
import { AUDITS_MAX, useAuditsStore } from '../../renderer/stores/audits.ts'
import { auditView, clusterView, evidenceView, incidentView, injectedView } from './views.ts'

interface Asked {
  readonly name: string
  readonly argument: unknown
  readonly answer: (reply: ConsoleReply<unknown>) => void
}

/** The host at the other end of the bridge: questions wait until the test answers them. */
const host = vi.hoisted(() => ({ asked: [] as Asked[], listeners: new Map<string, (event: unknown) => void>() }))

vi.mock('../../renderer/bridge.ts', () => ({
  bridge: {
    request: (name: string, argument: unknown) =>
      new Promise((answer) => {
        host.asked.push({ name, argument: structuredClone(argument), answer })
      }),
    subscribe: (name: string, listener: (event: unknown) => void) => {
      host.listeners.set(name, listener)
      return () => host.listeners.delete(name)
    },
  },
}))

function emit(name: string, event: unknown): void {
  host.listeners.get(name)?.(event)
}

/** Answers the oldest question of that name. @returns what it asked. */
async function reply(name: string, answer: ConsoleReply<unknown>): Promise<unknown> {
  const index = host.asked.findIndex((one) => one.name === name)
  const [question] = host.asked.splice(index, index === -1 ? 0 : 1)
  if (question === undefined) throw new Error(`${name} was not asked`)
  question.answer(answer)
  await new Promise(setImmediate)
  return question.argument
}

const ok = (value: unknown): ConsoleReply<unknown> => ({ ok: true, value })

beforeEach(() => {
  host.asked.length = 0
  host.listeners.clear()
  setActivePinia(createPinia())
})

describe('what an AUDIT found, in a sentence', () => {
  it('says that all agree, with their number as a word', () => {
    expect(auditFinding(auditView(7))).toBe('all three agree.')
  })

  it('says the worst first, and who has not reported', () => {
    expect(auditFinding(auditView(7, '+x+'))).toBe('b deviates from the majority; a and c agree.')
    expect(auditFinding(auditView(7, '+xo'))).toBe('b deviates from the majority; a agrees; c has not reported.')
    expect(auditFinding(auditView(7, '++o'))).toBe('a and b agree; c has not reported.')
    expect(auditFinding(auditView(7, '??o'))).toBe('no majority agrees; c has not reported.')
  })

  it('is as bad as what was found', () => {
    expect(['+++', '++o', '+x+', '???'].map((signs) => auditLevel(auditView(7, signs)))).toEqual([
      'good',
      'attention',
      'attention',
      'danger',
    ])
  })

  it('finds the AUDIT at which a majority last agreed', () => {
    const audits = [auditView(40, '???'), auditView(30, '???'), auditView(20, '+x+'), auditView(10)]
    expect(slotAgreedBefore(audits, 40)).toBe(20)
    expect(slotAgreedBefore(audits, 10)).toBeNull()
  })
})

describe('the matrix of AUDITs', () => {
  it('has a cell a replica, one for whom the AUDIT did not know, and names the incident it found', () => {
    const [row] = auditRows([auditView(7, '+x+')], ['c', 'b', 'd'], [incidentView(4, { slot: 7, replica: 'c' })])
    expect(row?.cells.map(({ name, audited, incident }) => [name, audited?.sign ?? null, incident])).toEqual([
      ['c', 'agrees', 4],
      ['b', 'deviates', null],
      ['d', null, null],
    ])
  })

  it('tells a replica whose State is right and whose Outputs are not', () => {
    const state = auditView(7, '+x+')
    const [, deviating] = state.replicas
    const [majority] = state.replicas
    if (deviating === undefined || majority === undefined) throw new Error('three replicas')
    const outputs = { ...deviating, root: majority.root }
    expect(differsInOutputs(deviating, state)).toBe(false)
    expect(differsInOutputs(outputs, { ...state, replicas: [majority, outputs] })).toBe(true)
    expect(differsInOutputs(majority, state)).toBe(false)
  })
})

describe('where two values differ', () => {
  const marked = (pieces: readonly Piece[]): string =>
    pieces.map(({ text, kind }) => (kind === 'differs' ? `[${text}]` : kind === 'cut' ? `<${text}>` : text)).join('')

  it('marks the characters between what they begin and end with alike', () => {
    const { left, right } = differenceOf('{"v":"kepu in"}', '{"v":"kept in"}')
    expect([marked(left), marked(right)]).toEqual(['{"v":"kep[u] in"}', '{"v":"kep[t] in"}'])
  })

  it('marks what only one of them has, and nothing twice', () => {
    const { left, right } = differenceOf('aa', 'aaa')
    expect([marked(left), marked(right)]).toEqual(['aa', 'aa[a]'])
  })

  it('marks nothing when they are alike, and cuts no character in two', () => {
    expect(marked(differenceOf('same', 'same').left)).toBe('same')
    expect(marked(differenceOf('x😀y', 'x😁y').left)).toBe('x[😀]y')
  })

  it('leaves out most of long parts that are alike', () => {
    const { left } = differenceOf(`${'h'.repeat(500)}A${'t'.repeat(500)}`, `${'h'.repeat(500)}B${'t'.repeat(500)}`)
    expect(marked(left)).toBe(`<… 440 …>${'h'.repeat(60)}[A]${'t'.repeat(60)}<… 440 …>`)
  })
})

describe('evidence', () => {
  it('names the partitions that differ, the first of many', () => {
    expect(partitionWords(evidenceView())).toBe('In partition 417 of 1,024.')
    expect(partitionWords(evidenceView({ partitions: [3, 17] }))).toBe('In partitions 3 and 17 of 1,024.')
    const many = Array.from({ length: 20 }, (_, index) => index)
    expect(partitionWords(evidenceView({ partitions: many }))).toMatch(
      /^In partitions 0, 1, .*, 11 and 8 more of 1,024.$/,
    )
  })

  it('shows a value as JSON, and none where a side has none', () => {
    expect([valueJson({ a: 1 }), valueJson(''), valueJson(null)]).toEqual(['{"a":1}', '""', null])
  })

  it('is kept whole in a file named after the cluster and the incident', () => {
    const incident = incidentView(3, { evidence: evidenceView() })
    const { name, json } = incidentFile(incident, clusterView({ name: 'Büro / 2. Stock' }), '0.1.0')
    expect(name).toBe('Büro-2-Stock-incident-3.json')
    expect(v.parse(incidentFileSchema, JSON.parse(json))).toMatchObject({ synod: '0.1.0', incident })
  })
})

describe('injected faults', () => {
  it('are those that have not ended', () => {
    const over = injectedView(2, { endedMs: 5000 })
    expect(activeFaults([injectedView(1), over]).map(({ number }) => number)).toEqual([1])
  })

  it('are told apart by the replica they are on; those of a link are on none', () => {
    const link = injectedView(3, { fault: { kind: 'partition', from: 'b', to: 'a', bothWays: true } })
    expect(faultsOn('b', [injectedView(1), link]).map(({ number }) => number)).toEqual([1])
    expect(faultsOn('a', [injectedView(1), link])).toEqual([])
  })

  it('are said to be injected, and one not known yet by its own name', () => {
    expect(faultWords(['lie', 'partition', 'gravity'])).toEqual([
      'lies (injected)',
      'partitioned (injected)',
      'gravity (injected)',
    ])
  })
})

describe('what goes to the replicas and to no machine', () => {
  it('has a name in place of an Input', () => {
    expect((['input', 'read', 'checkpoint', 'audit'] as const).map((kind) => orderOf(kind)?.name ?? null)).toEqual([
      null,
      null,
      'CHECKPOINT',
      'AUDIT',
    ])
  })
})

describe('the audits store', () => {
  it('shows what the host holds, and what changed while it was asked', async () => {
    const store = useAuditsStore()
    void store.hydrate('cluster-1')
    emit('audit.changed', { cluster: 'cluster-1', audit: auditView(30, '++x') })
    emit('audit.changed', { cluster: 'cluster-2', audit: auditView(99) })
    emit('incident.changed', { cluster: 'cluster-1', incident: incidentView(1, { state: 'repaired' }) })
    await reply('cluster.audits', ok({ audits: [auditView(30, '+++'), auditView(20)] }))
    await reply('cluster.incidents', ok({ incidents: [incidentView(1)] }))
    expect(store.hydrated).toBe(true)
    expect(store.audits.map(({ slot, verdict }) => [slot, verdict])).toEqual([
      [30, 'deviation'],
      [20, 'agrees'],
    ])
    expect(store.incidents.map(({ state }) => state)).toEqual(['repaired'])
  })

  it('replaces an AUDIT whose verdict changed, keeps them newest first, and bounds them', async () => {
    const store = useAuditsStore()
    void store.hydrate('cluster-1')
    await reply('cluster.audits', ok({ audits: [auditView(20)] }))
    await reply('cluster.incidents', ok({ incidents: [] }))
    emit('audit.changed', { cluster: 'cluster-1', audit: auditView(10) })
    emit('audit.changed', { cluster: 'cluster-1', audit: auditView(20, '+x+') })
    expect(store.audits.map(({ slot, verdict }) => [slot, verdict])).toEqual([
      [20, 'deviation'],
      [10, 'agrees'],
    ])
    for (let slot = 21; slot < 21 + AUDITS_MAX; slot += 1) {
      emit('audit.changed', { cluster: 'cluster-1', audit: auditView(slot) })
    }
    expect([store.audits.length, store.audits[0]?.slot]).toEqual([AUDITS_MAX, 20 + AUDITS_MAX])
  })

  it('forgets another cluster’s, and an answer that comes too late', async () => {
    const store = useAuditsStore()
    void store.hydrate('cluster-1')
    void store.hydrate('cluster-2')
    await reply('cluster.audits', ok({ audits: [auditView(20)] }))
    await reply('cluster.incidents', ok({ incidents: [incidentView(1)] }))
    expect([store.audits, store.incidents, store.hydrated]).toEqual([[], [], false])
    await reply('cluster.audits', ok({ audits: [auditView(5)] }))
    await reply('cluster.incidents', ok({ incidents: [] }))
    expect(store.audits.map(({ slot }) => slot)).toEqual([5])
  })

  it('keeps the words of a refusal', async () => {
    const store = useAuditsStore()
    void store.hydrate('cluster-1')
    await reply('cluster.audits', ok({ audits: [] }))
    await reply('cluster.incidents', { ok: false, fault: { code: 'BUSY', message: 'Ask again.' } })
    expect(store.fault?.code).toBe('BUSY')
  })
})

describe('what a person does', () => {
  const target = { cluster: 'cluster-1', replica: 'b' }

  it('orders one AUDIT at a time', async () => {
    const store = useAuditNowStore()
    void store.order('cluster-1')
    void store.order('cluster-1')
    expect(host.asked).toHaveLength(1)
    const outcome = { kind: 'output', slot: 7, output: { ok: true, value: { slot: 7 } }, votes: [] }
    expect(await reply('cluster.audit', ok(outcome))).toEqual({ cluster: 'cluster-1' })
    expect(store.ordered).toMatchObject({ kind: 'audit', result: { kind: 'outcome', outcome } })
  })

  it('injects a fault, ends it, and has a replica repaired', async () => {
    const store = useActionsStore()
    void store.onReplica('flip-byte', target)
    expect(await reply('cluster.inject', ok(injectedView(1)))).toEqual({
      cluster: 'cluster-1',
      fault: { kind: 'flip-byte', replica: 'b' },
    })
    void store.heal('cluster-1', 4)
    expect(await reply('cluster.heal', ok({}))).toEqual({ cluster: 'cluster-1', number: 4 })
    void store.onReplica('repair', target)
    expect(await reply('replica.repair', ok({}))).toEqual(target)
  })
})
