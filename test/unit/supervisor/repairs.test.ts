import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CheckpointReport } from '../../../core/host/report.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import type { Note } from '../../../core/replica/effects.ts'
import { clusterFolder } from '../../../core/supervisor/cluster-file.ts'
import { REPAIR_TIMING } from '../../../core/supervisor/repairs.ts'
import { Ward } from './ward.ts'

const RESTARTED = { isQuarantined: true, discardsState: false }
const TRANSFERRED = { isQuarantined: true, discardsState: true }

function checkpoint(at: number): CheckpointReport {
  const facts = { timeMs: at, root: '', keys: 1, stateBytes: 1, fileBytes: 1, durationMs: 1 }
  return { slot: at, ...facts, isStable: true }
}

function received(ward: Ward, name: string, at: number): void {
  const say = (note: Note): void => ward.process(name).say({ kind: 'note', note })
  say({ kind: 'transfer-begun', slot: slot(at), sources: [] })
  say({ kind: 'transfer-ended', slot: slot(at), bytes: 1, durationMs: 5 })
}

function folderOf(ward: Ward): string {
  return join(clusterFolder(ward.host.dataFolder, clusterId(ward.cluster)), 'incidents')
}

describe('a replica that deviates', () => {
  it('is started anew in quarantine when it asks for it, and the incident is closed when it is verified', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.evidence('a', 'b')
    expect(await ward.health()).toBe(
      'attention: b is in quarantine until an AUDIT verified it. No failure is survivable now. Leader: a.',
    )
    await ward.stays('b', 1)
    ward.wantsRepair('b')
    expect(await ward.restarted('b', 2)).toEqual(RESTARTED)
    expect((await ward.host.view()).incidentsOpen).toBe(1)
    ward.verified('b')
    expect(await ward.kinds()).toEqual(['found', 'quarantined', 'evidence', 'restarted', 'verified'])
    const incident = await ward.newest()
    expect(incident).toMatchObject({ number: 1, replica: 'b', slot: 40, state: 'repaired', rung: 'restart' })
    expect(incident.summary).toMatch(
      /^b held another value for kv\/alice than the majority; it was restarted and verified after \d+\.\d s\.$/,
    )
    expect(incident.evidence).toMatchObject({
      inspector: 'a',
      slotAgreed: 30,
      differs: 'state',
      partitions: [17],
      keys: [{ key: 'kv/alice', deviating: 'wrong', majority: 'right' }],
    })
    expect(incident.evidence?.reports.map(({ name, signature }) => [name, signature])).toEqual([
      ['a', 'BwgJ'],
      ['b', 'BwgJ'],
    ])
    expect((await ward.host.view()).incidentsOpen).toBe(0)
    expect(await ward.health()).toBe('good: Healthy. Can lose 1 of 3. Leader: a.')
    expect((await ward.notes())[0]).toContain('good: Repaired: b held another value')
    // A crash after that is a crash like any other.
    ward.process('b').exit({ code: null, signal: 'SIGKILL' })
    await expect.poll(() => ward.lives('b')).toBe(3)
    expect(ward.process('b').orders.isQuarantined).toBe(false)
  })

  it('climbs the ladder rung by rung: restart, transfer, stop', async () => {
    const ward = await Ward.founded()
    ward.report('a', { checkpoints: [checkpoint(20)] })
    ward.quarantined('b')
    ward.wantsRepair('b')
    expect(await ward.restarted('b', 2)).toEqual(RESTARTED)
    ward.quarantined('b')
    const askedMs = performance.now()
    ward.wantsRepair('b')
    expect(await ward.restarted('b', 3)).toEqual(TRANSFERRED)
    expect(performance.now() - askedMs).toBeGreaterThanOrEqual(60)
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(async () => (await ward.newest()).state).toBe('given-up')
    expect(await ward.kinds()).toEqual([
      ...['found', 'quarantined', 'restarted', 'quarantined', 'transferring', 'quarantined', 'stopped'],
    ])
    await ward.stays('b', 3)
    expect(ward.host.launcher.alive('b')).toEqual([])
    const view = await ward.host.view()
    const b = view.replicas.find(({ name }) => name === 'b')
    expect([b?.process, b?.problem?.code, view.incidentsOpen]).toEqual(['failed', 'AUDIT_FAILED', 1])
    expect(b?.problem?.message).toContain('synod incident 1')
    expect(view.health.level).toBe('danger')
    expect((await ward.notes())[0]).toContain('danger: Replica b deviated from the majority')
    // By hand it may be started, in quarantine; then the incident no longer stands.
    await ward.host.ask('replica.start', { cluster: ward.cluster, replica: 'b' })
    expect(await ward.restarted('b', 4)).toEqual(RESTARTED)
    expect((await ward.host.view()).incidentsOpen).toBe(0)
    ward.verified('b')
    expect(await ward.newest()).toMatchObject({ state: 'repaired', rung: 'stop' })
  })

  it('and was never verified in time climbs as if it had asked; the time runs only while others could verify it', async () => {
    const ward = await Ward.founded({ rungMsMax: 200 })
    ward.report('a', { checkpoints: [checkpoint(20)] })
    ward.quarantined('b')
    ward.wantsRepair('b')
    await ward.restarted('b', 2)
    ward.report('c', { isStateMissing: true })
    const untilMs = performance.now() + 400
    while (performance.now() < untilMs) {
      ward.report('b', { isQuarantined: true })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect([ward.lives('b'), await ward.kinds()]).toEqual([2, ['found', 'quarantined', 'restarted']])
    ward.report('c')
    expect(await ward.restarted('b', 3)).toEqual(TRANSFERRED)
  })

  it('that others found and that says nothing of it itself is started anew all the same', async () => {
    const ward = await Ward.founded({ silentMsMax: 100 })
    ward.audited('a', 40, { wrong: ['b'] })
    expect(await ward.kinds()).toEqual(['found'])
    expect(await ward.restarted('b', 2)).toEqual(RESTARTED)
  })

  it('and agrees at the next AUDIT, before anything was done, is left alone', async () => {
    const ward = await Ward.founded()
    ward.audited('a', 40, { wrong: ['b'] })
    ward.audited('a', 50)
    // What is told once more of the old one is no news.
    ward.audited('c', 40, { wrong: ['b'] })
    expect(await ward.newest()).toMatchObject({ number: 1, state: 'repaired', rung: null })
    await ward.stays('b', 1)
  })

  it('three times in ten minutes is stopped at once the next time', async () => {
    const ward = await Ward.founded()
    for (let incident = 1; incident <= 3; incident += 1) {
      ward.quarantined('b', 40 + incident)
      ward.wantsRepair('b', 40 + incident)
      await ward.restarted('b', 1 + incident)
      ward.verified('b', 40 + incident)
    }
    ward.quarantined('b', 50)
    ward.wantsRepair('b', 50)
    await expect.poll(async () => (await ward.newest()).state).toBe('given-up')
    expect(await ward.kinds()).toEqual(['found', 'quarantined', 'stopped'])
    expect(ward.lives('b')).toBe(4)
  })

  it('has a checkpoint ordered of the others first, where there is none to be received', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.wantsRepair('b')
    await ward.restarted('b', 2)
    ward.wantsRepair('b')
    await expect.poll(() => ward.checkpointAsked()).toBeDefined()
    expect([ward.lives('b'), (await ward.newest()).rung]).toEqual([2, 'restart'])
    ward.refuseCheckpoint()
    expect(await ward.restarted('b', 3)).toEqual(TRANSFERRED)
    // Once what it received is a stable checkpoint, and not before, a crash does not make it receive it again.
    received(ward, 'b', 44)
    ward.process('b').exit({ code: null, signal: 'SIGKILL' })
    expect(await ward.restarted('b', 4)).toEqual(TRANSFERRED)
    received(ward, 'b', 44)
    ward.process('b').say({ kind: 'note', note: { kind: 'checkpoint-stable', slot: slot(43) } })
    // Nor does it when it was verified in between: only its old State could be started from.
    ward.verified('b')
    ward.process('b').exit({ code: null, signal: 'SIGKILL' })
    expect(await ward.restarted('b', 5)).toEqual({ isQuarantined: false, discardsState: true })
    received(ward, 'b', 44)
    ward.process('b').say({ kind: 'note', note: { kind: 'checkpoint-stable', slot: slot(44) } })
    ward.process('b').exit({ code: null, signal: 'SIGKILL' })
    expect(await ward.restarted('b', 6)).toEqual({ isQuarantined: false, discardsState: false })
  })

  it('is not taken down when too few others are well any more once that checkpoint was ordered', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.wantsRepair('b')
    await ward.restarted('b', 2)
    ward.wantsRepair('b')
    await expect.poll(() => ward.checkpointAsked()).toBeDefined()
    ward.report('c', { isStateMissing: true })
    ward.refuseCheckpoint()
    await expect.poll(() => ward.kinds()).toContain('waits')
    await ward.stays('b', 2)
    ward.report('a', { checkpoints: [checkpoint(20)] })
    ward.report('c')
    expect(await ward.restarted('b', 3)).toEqual(TRANSFERRED)
  })

  it('is repaired as if nothing were when the cluster, which runs, is started once more meanwhile', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.wantsRepair('b')
    await ward.restarted('b', 2)
    ward.wantsRepair('b')
    await expect.poll(() => ward.checkpointAsked()).toBeDefined()
    await ward.host.ask('cluster.start', { cluster: ward.cluster })
    ward.refuseCheckpoint()
    expect(await ward.restarted('b', 3)).toEqual(TRANSFERRED)
  })

  it('is not started again by the ladder when a person stopped it meanwhile', async () => {
    const ward = await Ward.founded()
    ward.report('c', { isStateMissing: true })
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(() => ward.kinds()).toContain('waits')
    await ward.host.ask('replica.stop', { cluster: ward.cluster, replica: 'b' })
    ward.report('c')
    await ward.stays('b', 1)
    ward.report('c', { isStateMissing: true })
    await ward.host.ask('replica.start', { cluster: ward.cluster, replica: 'b' })
    expect(await ward.restarted('b', 2)).toEqual(RESTARTED)
  })

  it('whose process does not stop is ended by force, and then started anew', async () => {
    const ward = await Ward.founded()
    ward.process('b').obeys = false
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(() => ward.process('b').heard.at(-1)?.kind).toBe('stop')
    await expect.poll(() => ward.lives('b'), { timeout: 8_000 }).toBe(2)
  })
})

describe('the majority', () => {
  it('is never taken down: a repair waits until enough others are well', async () => {
    const ward = await Ward.founded()
    ward.process('c').obeys = true
    await ward.host.ask('replica.stop', { cluster: ward.cluster, replica: 'c' })
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(() => ward.kinds()).toEqual(['found', 'quarantined', 'waits'])
    await ward.stays('b', 1)
    expect((await ward.newest()).summary).toContain('its repair waits until enough others are well')
    expect(await ward.health()).toContain('danger: No majority: the Outputs of 1 of 3 replicas count, 2 are needed; b')
    await ward.host.ask('replica.start', { cluster: ward.cluster, replica: 'c' })
    await ward.up(['c'])
    ward.report('a')
    ward.report('b', { isQuarantined: true })
    expect(await ward.restarted('b', 2)).toEqual(RESTARTED)
    expect((await ward.kinds()).filter((kind) => kind === 'waits')).toHaveLength(1)
  })

  it.each([
    ['is in quarantine itself', { isQuarantined: true }],
    ['has no State', { isStateMissing: true }],
    ['reaches nobody', { connectedTo: [] }],
  ])('is not counted on where one %s', async (_, report) => {
    const ward = await Ward.founded()
    ward.report('c', report)
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(() => ward.kinds()).toContain('waits')
    await ward.stays('b', 1)
  })

  it('that an AUDIT did not find makes nobody be touched, and is told with what each says', async () => {
    const ward = await Ward.founded({ silentMsMax: 20 })
    ward.audited('a', 40, { wrong: ['a', 'b', 'c'] })
    ward.audited('b', 40, { wrong: ['a', 'b', 'c'] })
    ward.audited('a', 41, { wrong: ['a', 'b', 'c'] })
    for (const name of ['a', 'b', 'c']) await ward.stays(name, 1)
    expect(await ward.incidents()).toEqual([])
    const told = (await ward.notes()).filter((note) => note.includes('no majority'))
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/^danger: The AUDIT at slot 40 found no majority: a says State [0-9a-f]{8}, .*synod repair/)
    expect(await ward.health()).toMatch(/^danger: The last AUDIT found no majority/)
    // A person decides.
    await ward.host.ask('replica.repair', { cluster: ward.cluster, replica: 'c' })
    expect(await ward.restarted('c', 2)).toEqual(RESTARTED)
    ward.audited('a', 42, { wrong: ['b'] })
    ward.verified('c')
    expect((await ward.newest()).replica).toBe('b')
    expect((await ward.incidents()).map(({ replica, state }) => [replica, state])).toEqual([
      ['b', 'open'],
      ['c', 'repaired'],
    ])
  })
})

describe('a repair that a person orders', () => {
  it('starts a replica anew that is well, or stopped, in quarantine until it is verified', async () => {
    const ward = await Ward.founded()
    await ward.host.ask('replica.stop', { cluster: ward.cluster, replica: 'b' })
    await ward.host.ask('replica.repair', { cluster: ward.cluster, replica: 'b' })
    expect(await ward.restarted('b', 2)).toEqual(RESTARTED)
    ward.verified('b')
    const incident = await ward.newest()
    expect(incident.steps.map(({ kind }) => kind)).toEqual(['operator', 'restarted', 'verified'])
    expect(incident.summary).toMatch(/^The repair of b was ordered; it was restarted and verified after/)
  })

  it('is refused where nothing runs, or there is no such replica', async () => {
    const ward = await Ward.founded()
    const argument = { cluster: ward.cluster, replica: 'x' }
    expect(await ward.host.refusal('replica.repair', argument)).toMatch(/^REPLICA_UNKNOWN/)
    await ward.host.ask('cluster.stop', { cluster: ward.cluster })
    expect(await ward.host.refusal('replica.repair', { ...argument, replica: 'b' })).toMatch(/^CLUSTER_STOPPED/)
    expect(await ward.incidents()).toEqual([])
  })
})

describe('an incident', () => {
  it('outlives its host: the ladder goes on where it was', async () => {
    const first = await Ward.founded()
    first.quarantined('b')
    first.wantsRepair('b')
    await first.restarted('b', 2)
    const second = await first.reopened()
    expect(second.process('b').orders).toMatchObject(RESTARTED)
    expect(second.process('a').orders).toMatchObject({ isQuarantined: false, discardsState: false })
    await second.up()
    second.report('a', { checkpoints: [checkpoint(20)] })
    second.quarantined('b')
    second.wantsRepair('b')
    // The rung that was tried is not tried again.
    expect(await second.restarted('b', 2)).toEqual(TRANSFERRED)
    const third = await second.reopened()
    expect(third.process('b').orders).toMatchObject(TRANSFERRED)
    await third.up()
    third.verified('b')
    expect(await third.newest()).toMatchObject({ number: 1, state: 'repaired', rung: 'transfer' })
    expect(await readdir(folderOf(third))).toEqual(['000001.json'])
  })

  it('that was given up keeps its replica stopped, until somebody starts it', async () => {
    const first = await Ward.founded({ incidentsMax: 0 })
    first.quarantined('b')
    first.wantsRepair('b')
    await expect.poll(async () => (await first.newest()).state).toBe('given-up')
    const second = await first.reopened()
    await second.stays('a', 1)
    expect(second.lives('b')).toBe(0)
    const b = (await second.host.view()).replicas.find(({ name }) => name === 'b')
    expect([b?.process, b?.problem?.code]).toEqual(['failed', 'AUDIT_FAILED'])
    await second.host.ask('replica.start', { cluster: second.cluster, replica: 'b' })
    await second.restarted('b', 1)
    // And in the host's next life it is started, still in quarantine.
    const third = await second.reopened()
    expect(third.process('b').orders).toMatchObject(RESTARTED)
  })

  it('whose file is damaged is told of and passed over, and its number is not used again', async () => {
    const first = await Ward.founded()
    for (const name of ['b', 'c']) {
      first.quarantined(name)
      first.verified(name)
    }
    await first.host.supervisor.close()
    const file = join(folderOf(first), '000002.json')
    await writeFile(file, (await readFile(file, 'utf8')).replace('"replica": "c"', '"replica": "a"'))
    const second = await first.reopened()
    expect((await second.incidents()).map(({ number, replica }) => [number, replica])).toEqual([[1, 'b']])
    expect((await second.notes()).find((note) => note.includes('000002.json'))).toContain('the checksum does not hold')
    await second.up()
    second.quarantined('a', 90)
    expect((await second.newest()).number).toBe(3)
    expect(await readFile(file, 'utf8')).toContain('"replica": "a"')
  })

  it('is one of the hundred newest that are kept', async () => {
    const ward = await Ward.founded()
    for (let number = 1; number <= 103; number += 1) {
      ward.quarantined('b', number)
      ward.verified('b', number)
    }
    expect((await ward.incidents()).map(({ number }) => number)).toEqual(
      Array.from({ length: 100 }, (_, index) => 103 - index),
    )
    await ward.host.supervisor.close()
    const files = await readdir(folderOf(ward))
    expect([files.length, files.toSorted()[0]]).toEqual([100, '000004.json'])
  })

  it('goes with its cluster when that is deleted', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    await ward.host.ask('cluster.delete', { cluster: ward.cluster, name: 'Home' })
    await ward.host.supervisor.close()
    await expect(readdir(clusterFolder(ward.host.dataFolder, clusterId(ward.cluster)))).rejects.toThrow('ENOENT')
  })

  it('shows long values cut, and bytes as what JSON can hold', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.evidence('a', 'b', { value: { bytes: new Uint8Array([1, 2, 3]), list: [null, true] } })
    expect((await ward.newest()).evidence?.keys[0]?.deviating).toEqual({
      bytes: { base64: 'AQID' },
      list: [null, true],
    })
    ward.quarantined('c', 41)
    ward.evidence('a', 'c', { slot: 41, value: 'x'.repeat(10_000) })
    expect(String((await ward.newest()).evidence?.keys[0]?.deviating).length).toBeLessThan(4_200)
  })
})

describe('AUDITs', () => {
  it('are shown with who agrees, deviates, or has not reported, and told of when something new is known', async () => {
    const ward = await Ward.founded()
    const heard: string[] = []
    ward.host.supervisor.subscribe('audit.changed', ({ audit }) => {
      heard.push(audit.replicas.map(({ sign }) => sign).join(' '))
    })
    ward.audited('a', 40, { reported: ['a', 'b'] })
    ward.audited('b', 40, { reported: ['a', 'b'] })
    ward.audited('a', 40)
    // Who heard less knows nothing better.
    ward.audited('b', 40, { reported: ['a', 'b'] })
    expect(heard).toEqual(['agrees agrees missing', 'agrees agrees agrees'])
    const { audits } = await ward.host.ask('cluster.audits', { cluster: ward.cluster, limit: 5 })
    expect(audits.map(({ slot, verdict }) => [slot, verdict])).toEqual([[40, 'agrees']])
    expect((await ward.host.view()).audit?.slot).toBe(40)
  })

  it('are ordered as any command is', async () => {
    const ward = await Ward.founded()
    const answer = ward.host.ask('cluster.audit', { cluster: ward.cluster })
    const find = (): { request: number } | undefined =>
      ward
        .process('a')
        .heard.flatMap((message) => (message.kind === 'requests' ? message.requests : []))
        .find(({ kind }) => kind === 'audit')
    await expect.poll(find).toBeDefined()
    const output = { ok: true, value: { slot: 9 } } as const
    const reply = { kind: 'output', slot: slot(9), output, votes: [] } as const
    ward.process('a').say({ kind: 'replies', replies: [{ request: find()?.request ?? 0, reply }] })
    expect(await answer).toMatchObject({ kind: 'output', slot: 9, output })
  })
})

it('gives a rung a minute, and a pause between them', () => {
  expect(REPAIR_TIMING).toMatchObject({ backoffMs: { restart: 0, transfer: 1_000, stop: 5_000 }, rungMsMax: 60_000 })
})
