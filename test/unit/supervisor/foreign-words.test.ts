import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { clusterId, slot } from '../../../core/model/ids.ts'
import type { SlotVotes } from '../../../core/replica/effects.ts'
import { clusterFolder } from '../../../core/supervisor/cluster-file.ts'
import { slotVotesView } from '../../../core/supervisor/vote-views.ts'
import { inputOf } from '../../support/inputs.ts'
import { a, ballotOf } from '../../support/members.ts'
import { Ward } from './ward.ts'

/** What no State holds, and a replica that lies may tell all the same. */
function claimed(value: unknown): CanonicalValue {
  return value as CanonicalValue
}

function nested(levels: number): unknown {
  let value: unknown = 0
  for (let level = 0; level < levels; level += 1) value = [value]
  return value
}

/** Of an Input whose payload is no CBOR. */
function garbled(): SlotVotes {
  const input = { ...inputOf('x'), payload: new Uint8Array([0xff]) }
  const votes = { input, output: undefined, failed: undefined, votes: [] }
  return { slot: slot(1), ballot: ballotOf(1, a), timeMs: 1, inputCount: 1, inputs: [votes] }
}

function folderOf(ward: Ward): string {
  return join(clusterFolder(ward.host.dataFolder, clusterId(ward.cluster)), 'incidents')
}

describe('what a replica tells', () => {
  it('of an Input that is no CBOR is shown as null, and the votes go on to be shown', async () => {
    expect(slotVotesView(garbled(), (id) => id).inputs[0]?.input).toBeNull()
    const ward = await Ward.founded()
    const shown: (number | undefined)[] = []
    ward.host.supervisor.subscribe('votes.changed', ({ slots }) => shown.push(slots[0]?.slot))
    await expect.poll(() => ward.process('a').heard.some(({ kind }) => kind === 'votes')).toBe(true)
    const query = ward.process('a').heard.flatMap((message) => (message.kind === 'votes' ? [message.query] : []))[0]
    ward.process('a').say({ kind: 'votes', query: query ?? 0, version: 1, slots: [garbled()], more: 0 })
    // The others stay silent, and are given a second each.
    await expect.poll(() => shown, { timeout: 6_000 }).toEqual([1])
  })

  it('of votes in a form nobody knows ends nothing, and is told once', async () => {
    const ward = await Ward.founded()
    ward.host.supervisor.subscribe('votes.changed', () => {
      throw new Error('a console can’t take it')
    })
    let answered = 0
    const answer = (): number => {
      const asked = ward.process('a').heard.flatMap((message) => (message.kind === 'votes' ? [message.query] : []))
      for (const query of asked.slice(answered)) {
        ward.process('a').say({ kind: 'votes', query, version: query, slots: [garbled()], more: 0 })
      }
      answered = asked.length
      return answered
    }
    await expect.poll(answer, { timeout: 10_000 }).toBeGreaterThan(1)
    expect((await ward.notes()).filter((note) => note.includes("Votes can't be shown"))).toHaveLength(1)
  })

  it.each([
    ['an integer beyond all', 2n ** 63n, '9223372036854775808 (an integer beyond what a State holds)'],
    ['one in a list', [2n ** 64n], ['18446744073709551616 (an integer beyond what a State holds)']],
    ['what is nested very deep', nested(20_000), expect.anything()],
  ])('as evidence is shown in what JSON can hold: %s', async (_, value, expected) => {
    const ward = await Ward.founded()
    ward.quarantined('b')
    ward.evidence('a', 'b', { value: claimed(value) })
    const { evidence } = await ward.newest()
    expect(evidence?.keys[0]?.deviating).toEqual(expected)
    expect(JSON.stringify(evidence).length).toBeLessThan(4_096)
    // And it is on disk.
    await ward.host.supervisor.close()
    expect(await readdir(folderOf(ward))).toEqual(['000001.json'])
    const again = await ward.reopened()
    expect((await again.newest()).evidence).toEqual(evidence)
  })

  it('and the host can’t take in is told once, and the replica is heard on', async () => {
    const ward = await Ward.founded()
    ward.host.supervisor.subscribe('audit.changed', () => {
      throw new Error('a console can’t take it')
    })
    ward.audited('a', 40)
    ward.audited('a', 50)
    const told = (await ward.notes()).filter((note) => note.includes("can't be taken in"))
    expect(told).toEqual([expect.stringContaining('Replica a: What it told ("note")')])
    ward.quarantined('b')
    expect(await ward.kinds()).toEqual(['found', 'quarantined'])
  })
})

describe('the folder of incidents', () => {
  it('may hold files of other programs and unfinished ones, which go', async () => {
    const first = await Ward.founded()
    first.quarantined('b')
    await first.host.supervisor.close()
    for (const name of ['.DS_Store', '000001.json.new', '0000002.json', 'notes.json.new']) {
      await writeFile(join(folderOf(first), name), 'x')
    }
    const second = await first.reopened()
    expect((await second.notes()).filter((note) => note.startsWith('danger'))).toEqual([])
    expect((await second.incidents()).map(({ number }) => number)).toEqual([1])
    expect((await readdir(folderOf(second))).toSorted()).toEqual([
      ...['.DS_Store', '0000002.json', '000001.json', 'notes.json.new'],
    ])
  })

  it('that can’t be read keeps its cluster stopped, and not its host, until it can be', async () => {
    const first = await Ward.founded()
    await first.host.supervisor.close()
    await rm(folderOf(first), { recursive: true, force: true })
    await writeFile(folderOf(first), 'a file is in the way')
    const second = await first.reopened()
    expect((await second.notes())[0]).toMatch(/^danger: Cluster Home was not started: .*incidents can't be read/)
    expect([(await second.host.view()).phase, second.host.launcher.launched]).toEqual(['stopped', []])
    const { cluster } = second
    expect(await second.host.refusal('cluster.start', { cluster })).toMatch(/^INCIDENTS_UNREADABLE/)
    expect(await second.host.refusal('replica.start', { cluster, replica: 'b' })).toMatch(/^CLUSTER_STOPPED/)
    await rm(folderOf(first))
    await mkdir(folderOf(first))
    await second.host.ask('cluster.start', { cluster })
    await second.up()
    expect((await second.host.view()).phase).toBe('serving')
    // On disk it ran all the time.
    expect((await (await second.reopened()).host.view()).phase).not.toBe('stopped')
  })
})
