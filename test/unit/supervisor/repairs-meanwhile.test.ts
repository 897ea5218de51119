import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { clusterId } from '../../../core/model/ids.ts'
import { IncidentFiles } from '../../../core/supervisor/incident-files.ts'
import { Incidents } from '../../../core/supervisor/incidents.ts'
import { Repairs } from '../../../core/supervisor/repairs.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { QUICK, Ward } from './ward.ts'

describe('a replica that is verified', () => {
  it('while a checkpoint is ordered for it is left alone', async () => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.wantsRepair('b')
    await ward.restarted('b', 2)
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(() => ward.checkpointAsked()).toBeDefined()
    ward.verified('b')
    expect(await ward.newest()).toMatchObject({ state: 'repaired', rung: 'restart' })
    ward.refuseCheckpoint()
    await ward.stays('b', 2)
    expect((await ward.kinds()).at(-1)).toBe('verified')
  })

  it('while its process is already being stopped is verified in its next life', async () => {
    const ward = await Ward.founded()
    const first = ward.process('b')
    first.obeys = false
    ward.quarantined('b')
    ward.wantsRepair('b')
    await expect.poll(() => first.heard.at(-1)?.kind).toBe('stop')
    ward.verified('b')
    expect((await ward.newest()).state).toBe('open')
    first.exit({ code: 0, signal: null })
    expect(await ward.restarted('b', 2)).toEqual({ isQuarantined: true, discardsState: false })
  })

  it('is not found to deviate by what a slow member tells of its life before', async () => {
    const ward = await Ward.founded({ silentMsMax: 50 })
    ward.quarantined('b')
    ward.wantsRepair('b')
    await ward.restarted('b', 2)
    ward.audited('a', 50, { reported: ['a', 'c'] })
    ward.report('a', { slotAudited: 55 })
    ward.verified('b', 45)
    ward.audited('c', 50, { wrong: ['b'] })
    ward.audited('c', 55, { wrong: ['b'] })
    expect((await ward.incidents()).map(({ state }) => state)).toEqual(['repaired'])
    // What comes after is news.
    ward.audited('c', 60, { wrong: ['b'] })
    expect((await ward.incidents()).map(({ slot, state }) => [slot, state])).toEqual([
      [60, 'open'],
      [40, 'repaired'],
    ])
  })
})

describe('what is told while the cluster stops', () => {
  it('begins no repair: that goes on with the next start, as the replica stands then', async () => {
    const ward = await Ward.founded()
    const last = ward.process('b')
    last.obeys = false
    const stopped = ward.host.ask('cluster.stop', { cluster: ward.cluster })
    await expect.poll(() => last.heard.at(-1)?.kind).toBe('stop')
    ward.quarantined('b')
    ward.wantsRepair('b')
    last.exit({ code: 0, signal: null })
    await stopped
    await ward.host.ask('cluster.start', { cluster: ward.cluster })
    await ward.up()
    expect(ward.process('b').orders.isQuarantined).toBe(true)
    // It has not asked for it in this life.
    await ward.stays('b', 2)
    ward.wantsRepair('b')
    await ward.restarted('b', 3)
  })

  it('sets no clock', async () => {
    const files = new IncidentFiles(await temporaryFolder(), clusterId('1a'.repeat(16)))
    const incidents = new Incidents({ files, onChange: () => undefined, onTrouble: () => undefined })
    const repairs = new Repairs({
      ...{ patients: [], quorum: 2, incidents, timing: QUICK },
      orderCheckpoint: () => Promise.resolve(),
      onNote: () => undefined,
    })
    const incident = incidents.open('b', 40, { kind: 'found', text: '' })
    await incidents.settled()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    repairs.begin()
    repairs.deviates(incident, { byItself: false })
    expect(vi.getTimerCount()).toBe(1)
    repairs.end()
    repairs.deviates(incident, { byItself: true })
    repairs.wanted(incident)
    repairs.ordered(incident)
    expect(vi.getTimerCount()).toBe(0)
  })
})
