import { describe, expect, it } from 'vitest'
import type { AuditNote } from '../../../core/audit/effects.ts'
import { auditedBytes } from '../../../core/model/audit.ts'
import type { Configuration } from '../../../core/model/configuration.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import { accepted } from '../../../core/model/output.ts'
import { Lan } from '../../support/lan.ts'
import { five, three } from '../../support/members.ts'
import { testSigner } from '../../support/memory-disk.ts'

const NEVER = { slotsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER, tailSlots: 8 }

type Told<Kind extends AuditNote['kind']> = Extract<AuditNote, { kind: Kind }>

class Cluster {
  readonly lan: Lan
  readonly leader: ReplicaId
  readonly members: readonly ReplicaId[]
  #sequence = 0

  constructor(configuration: Configuration = three, auditPolicy?: ConstructorParameters<typeof Lan>[3]) {
    this.lan = new Lan(configuration, NEVER, undefined, auditPolicy)
    this.leader = this.lan.elect()
    this.members = configuration.members.map(({ replica }) => replica)
  }

  follower(index = 0): ReplicaId {
    const follower = this.members.filter((replica) => replica !== this.leader)[index]
    if (follower === undefined) throw new Error('there is no such follower')
    return follower
  }

  /** @returns how the members stood to the Output. */
  set(key: string, value: string, via = this.leader): string | undefined {
    this.#sequence += 1
    const request = this.lan.submit(via, { value: { op: 'set', key, value }, sequence: this.#sequence })
    expect(this.lan.reply(request)?.kind).toBe('output')
    return this.lan.signs(request)
  }

  write(count: number): void {
    for (let index = 0; index < count; index += 1) this.set(`k${index}`, `v${index}`)
  }

  /** Orders an AUDIT, and gives its scrub time. */
  audit(): void {
    this.lan.audit(this.leader)
    this.lan.pass(4_000)
  }

  told<Kind extends AuditNote['kind']>(kind: Kind, by?: ReplicaId): Told<Kind>[] {
    return this.lan.notes.flatMap(({ replica, note }) =>
      note.kind === kind && (by === undefined || by === replica) ? [note as Told<Kind>] : [],
    )
  }

  /** What came of the newest AUDIT, as this replica sees it. */
  result(by: ReplicaId): readonly [string, readonly ReplicaId[], number] | undefined {
    const last = this.told('audit-result', by).at(-1)
    return last === undefined ? undefined : [last.verdict, last.deviating, last.missing.length]
  }

  isQuarantined(id: ReplicaId): boolean {
    return this.lan.replica(id).status.isQuarantined
  }
}

describe('an AUDIT', () => {
  it('of replicas that hold the same finds that all agree', () => {
    const cluster = new Cluster()
    cluster.write(20)
    cluster.audit()
    expect(cluster.members.map((id) => cluster.result(id))).toEqual(Array(3).fill(['agrees', [], 0]))
    expect(cluster.told('quarantined')).toEqual([])
  })

  it('is ordered by itself after so many slots, or after a while', () => {
    const bySlots = new Cluster(three, { slotsMax: 10, intervalMs: Number.MAX_SAFE_INTEGER })
    bySlots.write(25)
    bySlots.lan.pass(6_000)
    expect(new Set(bySlots.told('audit-result').map(({ slot }) => slot)).size).toBe(2)
    const byTime = new Cluster(three, { slotsMax: Number.MAX_SAFE_INTEGER, intervalMs: 10_000 })
    byTime.lan.pass(35_000)
    expect(new Set(byTime.told('audit-result').map(({ slot }) => slot)).size).toBe(3)
  })

  it('compares a replica that was away when it gets there', () => {
    const cluster = new Cluster()
    cluster.write(5)
    const away = cluster.follower()
    cluster.lan.cut(away)
    cluster.audit()
    expect(cluster.result(cluster.leader)).toEqual(['agrees', [], 1])
    cluster.lan.heal()
    cluster.lan.pass(4_000)
    expect(cluster.members.map((id) => cluster.result(id))).toEqual(Array(3).fill(['agrees', [], 0]))
  })

  it('asks for a report that was lost', () => {
    const cluster = new Cluster()
    cluster.write(5)
    cluster.lan.passes = ({ message }) => message.kind !== 'audit-report'
    cluster.audit()
    expect(cluster.told('audit-result')).toEqual([])
    cluster.lan.heal()
    cluster.lan.pass(2_000)
    expect(cluster.members.map((id) => cluster.result(id))).toEqual(Array(3).fill(['agrees', [], 0]))
  })

  it('without a majority of reports has no verdict, and touches nobody', () => {
    const cluster = new Cluster()
    cluster.write(5)
    cluster.lan.replica(cluster.follower(0))
    cluster.lan.step(cluster.follower(0), { kind: 'disable-auditor', active: true })
    cluster.lan.step(cluster.follower(1), { kind: 'disable-auditor', active: true })
    cluster.audit()
    expect([cluster.told('audit-result'), cluster.told('quarantined')]).toEqual([[], []])
  })

  it('in which all three differ restarts nobody', () => {
    const cluster = new Cluster()
    cluster.write(20)
    cluster.lan.step(cluster.follower(0), { kind: 'tamper', key: 'kv/entry/k1' })
    cluster.lan.step(cluster.follower(1), { kind: 'tamper', key: 'kv/entry/k2' })
    cluster.audit()
    expect(cluster.members.map((id) => cluster.result(id)?.[0])).toEqual(Array(3).fill('no-majority'))
    expect([cluster.told('quarantined'), cluster.told('repair-wanted')]).toEqual([[], []])
  })
})

describe('a replica whose memory rotted', () => {
  /** A follower (or the leader) of three with one byte changed, and an AUDIT after it. */
  function rotten(of: (cluster: Cluster) => ReplicaId = (cluster) => cluster.follower()) {
    const cluster = new Cluster()
    cluster.write(20)
    cluster.audit()
    const victim = of(cluster)
    cluster.lan.step(victim, { kind: 'tamper', key: 'kv/entry/k7' })
    cluster.audit()
    return { cluster, victim }
  }

  it('is found by the next AUDIT, by all and by itself', () => {
    const { cluster, victim } = rotten()
    expect(cluster.members.map((id) => cluster.result(id))).toEqual(Array(3).fill(['deviation', [victim], 0]))
    expect(cluster.members.map((id) => cluster.isQuarantined(id))).toEqual(cluster.members.map((id) => id === victim))
    expect(cluster.told('repair-wanted', victim).length).toBeGreaterThan(0)
  })

  it('is seen where it differs: partition, key, both values, and where it last agreed', () => {
    const { cluster, victim } = rotten()
    const [{ evidence } = { evidence: undefined }, ...more] = cluster.told('audit-evidence')
    expect(more).toEqual([])
    expect(evidence).toMatchObject({ replica: victim, slotAgreed: cluster.told('audit-result')[0]?.slot })
    expect(evidence?.partitions.length).toBe(1)
    expect(evidence?.keys).toEqual([{ key: 'kv/entry/k7', deviating: ['w7'], majority: ['v7'] }])
    expect(evidence?.reports.map(({ replica }) => replica)).toEqual(cluster.members)
  })

  it('gives no Output and no read from then on, and all requests are served by the others', () => {
    const { cluster, victim } = rotten()
    cluster.lan.sent.length = 0
    const signs = cluster.set('after', 'x', victim)
    expect(signs?.split(' ').filter((sign) => sign === 'agrees').length).toBe(2)
    const read = cluster.lan.read(victim, { op: 'get', key: 'k7' }, 'linearizable')
    cluster.lan.pass(1_000)
    expect(cluster.lan.reply(read)).toMatchObject({ kind: 'output', output: accepted({ found: true, value: 'v7' }) })
    const stale = cluster.lan.reply(cluster.lan.read(victim, { op: 'get', key: 'k7' }, 'stale'))
    expect(stale).toMatchObject({ kind: 'fail', reason: 'too-few-outputs' })
    const given = cluster.lan.sent.filter(({ from, message }) => {
      return from === victim && ['vote', 'outputs', 'read-outputs'].includes(message.kind)
    })
    expect(given).toEqual([])
  })

  it('gives up leadership, if it led', () => {
    const { cluster, victim } = rotten(({ leader }) => leader)
    expect(cluster.result(cluster.follower())).toEqual(['deviation', [victim], 0])
    expect(cluster.lan.elect()).not.toBe(victim)
  })

  it('started anew is rebuilt, verified at the same AUDIT, and counts again', () => {
    const { cluster, victim } = rotten()
    cluster.lan.restart(victim, { isQuarantined: true })
    expect(cluster.isQuarantined(victim)).toBe(true)
    cluster.lan.pass(4_000)
    expect([cluster.isQuarantined(victim), cluster.told('verified', victim).length]).toEqual([false, 1])
    cluster.lan.sent.length = 0
    cluster.set('after', 'x')
    expect(cluster.lan.sent.some(({ from, message }) => from === victim && message.kind === 'vote')).toBe(true)
    expect(cluster.result(cluster.leader)).toEqual(['agrees', [], 0])
  })

  it('started anew behind a checkpoint asks for an AUDIT to be verified by', () => {
    const { cluster, victim } = rotten()
    cluster.lan.restart(victim)
    cluster.lan.checkpoint(cluster.leader)
    cluster.lan.pass(2_000)
    cluster.lan.restart(victim, { isQuarantined: true })
    expect(cluster.lan.replica(victim).status.slotAudited).toBe(0)
    cluster.lan.pass(8_000)
    expect([cluster.isQuarantined(victim), cluster.told('verified', victim).length]).toEqual([false, 1])
  })

  it('that nobody starts anew asks again soon: its repair may have had to wait for a majority', () => {
    const { cluster, victim } = rotten()
    const before = cluster.told('repair-wanted', victim).length
    cluster.lan.pass(6_000)
    const soon = cluster.told('repair-wanted', victim).length
    expect(soon).toBeGreaterThan(before)
    cluster.lan.pass(6_000)
    expect(cluster.told('repair-wanted', victim).length).toBeGreaterThan(soon)
  })

  it('that rots again before it is verified stays in quarantine, and wants another repair', () => {
    const { cluster, victim } = rotten()
    cluster.lan.restart(victim, { isQuarantined: true })
    // Its scrub was begun from what it held at the start; the next AUDIT looks at what it holds now.
    cluster.lan.step(victim, { kind: 'tamper', key: 'kv/entry/k9' })
    const before = cluster.told('repair-wanted', victim).length
    cluster.audit()
    cluster.lan.pass(4_000)
    expect([cluster.isQuarantined(victim), cluster.told('repair-wanted', victim).length > before]).toEqual([true, true])
  })
})

describe('a replica that lies', () => {
  it('is found by the Outputs it gave, though its State is right', () => {
    const cluster = new Cluster(five)
    cluster.audit()
    const liar = cluster.follower()
    cluster.lan.step(liar, { kind: 'lie', active: true })
    cluster.write(5)
    cluster.lan.step(liar, { kind: 'lie', active: false })
    cluster.audit()
    expect(cluster.result(cluster.leader)).toEqual(['deviation', [liar], 0])
    const [note] = cluster.told('audit-evidence')
    expect([note?.evidence.partitions, note?.evidence.keys]).toEqual([[], []])
    const [own, majority] = [note?.evidence.reports.find(({ replica }) => replica === liar), note?.evidence.majority]
    expect([own?.findings.root === majority?.root, own?.findings.outputs === majority?.outputs]).toEqual([true, false])
  })

  it('and whose audit is broken is outvoted still', () => {
    const cluster = new Cluster()
    const liar = cluster.follower()
    cluster.lan.step(liar, { kind: 'disable-auditor', active: true }, { kind: 'lie', active: true })
    for (let index = 0; index < 50; index += 1) {
      const signs = cluster.set(`k${index}`, 'v')
      expect(signs?.split(' ').filter((sign) => sign === 'agrees').length).toBe(2)
    }
    cluster.audit()
    expect([cluster.result(cluster.leader), cluster.isQuarantined(liar)]).toEqual([['agrees', [], 1], false])
  })
})

describe('quarantine', () => {
  it('ends though AUDITs follow each other as fast as they are scrubbed', () => {
    const cluster = new Cluster(three, { slotsMax: Number.MAX_SAFE_INTEGER, intervalMs: 200 })
    cluster.write(20)
    const victim = cluster.follower()
    cluster.lan.restart(victim, { isQuarantined: true })
    cluster.lan.pass(20_000)
    expect([cluster.isQuarantined(victim), cluster.told('verified', victim).length]).toEqual([false, 1])
  })

  it('of all members, with no AUDIT behind their checkpoints, ends: one of them leads, and all are verified', () => {
    const cluster = new Cluster()
    cluster.write(20)
    for (let round = 0; round < 2; round += 1) {
      cluster.lan.checkpoint(cluster.leader)
      cluster.lan.pass(2_000)
    }
    for (const id of cluster.members) cluster.lan.restart(id, { isQuarantined: true })
    cluster.lan.pass(40_000)
    expect(cluster.members.map((id) => cluster.isQuarantined(id))).toEqual([false, false, false])
    cluster.lan.elect()
  })

  it('does not outlast an audit that is switched off and on again, and finds what rots then', () => {
    const cluster = new Cluster(three, { slotsMax: Number.MAX_SAFE_INTEGER, intervalMs: 2_000 })
    cluster.write(20)
    const { leader } = cluster
    cluster.lan.audit(leader)
    cluster.lan.step(leader, { kind: 'disable-auditor', active: true }, { kind: 'disable-auditor', active: false })
    cluster.lan.pass(10_000)
    expect(cluster.result(cluster.follower())).toEqual(['agrees', [], 0])
    cluster.lan.step(leader, { kind: 'tamper', key: 'kv/entry/k3' })
    cluster.lan.pass(10_000)
    expect(cluster.told('quarantined', leader).length).toBe(1)
  })
})

describe('a report', () => {
  it('for slots far ahead crowds out nothing that others said', () => {
    const cluster = new Cluster()
    cluster.write(5)
    const other = cluster.follower()
    const root = cluster.lan.replica(other).stateRoot()
    const signer = testSigner(other)
    for (let ahead = 1_000; ahead < 1_400; ahead += 1) {
      const at = { slot: slot(ahead), findings: { root, outputs: root } }
      const signature = signer.sign(auditedBytes({ cluster: clusterId('1a'.repeat(16)), ...at }))
      const message = { kind: 'audit-report', slot: at.slot, ...at.findings, signature } as const
      cluster.lan.step(cluster.leader, { kind: 'message', from: other, message })
    }
    cluster.lan.step(cluster.follower(1), { kind: 'tamper', key: 'kv/entry/k3' })
    cluster.audit()
    expect(cluster.result(cluster.follower(1))).toEqual(['deviation', [cluster.follower(1)], 0])
    expect(cluster.isQuarantined(cluster.follower(1))).toBe(true)
  })

  it('with a signature that is none counts for nothing', () => {
    const cluster = new Cluster()
    cluster.write(5)
    cluster.lan.passes = ({ message }) => message.kind !== 'audit-report'
    cluster.audit()
    cluster.lan.heal()
    const [, , other] = [cluster.leader, cluster.follower(0), cluster.follower(1)]
    const slot = cluster.lan.replica(cluster.leader).status.slotAudited
    const root = cluster.lan.replica(cluster.leader).stateRoot()
    const message = { kind: 'audit-report', slot, root, outputs: root, signature: new Uint8Array(64) } as const
    cluster.lan.step(cluster.leader, { kind: 'message', from: other, message })
    expect(cluster.told('audit-result', cluster.leader)).toEqual([])
  })
})
