import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { IncidentView } from '../../core/api/audit-views.ts'
import type { ClusterView } from '../../core/api/views.ts'
import { TestHost, isWell, waitFor } from './harness.ts'

const KEYS = 2_000
/** Clients that ask all the while. */
const CLIENTS = 4

let host: TestHost

beforeEach(async () => {
  host = await TestHost.open()
})

afterEach(async () => {
  await host.close()
})

/** Inputs and reads of a few clients, one after another each, until it is ended; rejects when one fails. */
class Traffic {
  #isOver = false
  #done = 0
  readonly #clients: Promise<void>[]

  constructor() {
    this.#clients = Array.from({ length: CLIENTS }, (_, client) => this.#ask(`client-${client}`))
  }

  get done(): number {
    return this.#done
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#clients)
  }

  async #ask(client: string): Promise<void> {
    for (let sequence = 1; !this.#isOver; sequence += 1) {
      const key = `${client}/${sequence % 16}`
      await host.value(client, sequence, { op: 'set', key, value: String(sequence) })
      expect(await host.read({ op: 'get', key })).toMatchObject({ value: String(sequence) })
      this.#done += 1
    }
  }
}

async function fill(): Promise<void> {
  const each = KEYS / 20
  await Promise.all(
    Array.from({ length: 20 }, async (_, writer) => {
      for (let index = 0; index < each; index += 1) {
        const key = `key-${writer * each + index}`
        await host.value(`filler-${writer}`, index + 1, { op: 'set', key, value: `value of ${key}` })
      }
    }),
  )
}

async function incident(wanted: (incident: IncidentView) => boolean): Promise<IncidentView> {
  return waitFor('the incident', async () => {
    const { incidents } = await host.call('cluster.incidents', { cluster: host.cluster, limit: 10 })
    return incidents.find(wanted)
  })
}

function isVerified(view: ClusterView): boolean {
  return isWell(view) && view.replicas.every(({ quarantined }) => !quarantined)
}

describe('a byte of one replica’s State that changed in memory', () => {
  it('is found by an AUDIT, shown with its key, and repaired, while every request is answered', async () => {
    // By itself none comes in this time: what is found, the ordered one found.
    await host.found('audited', { auditPolicy: { slotsMax: 1_000_000, intervalMs: 3_600_000 } })
    await fill()
    const traffic = new Traffic()
    await host.inject({ kind: 'flip-byte', replica: 'b', key: 'kv/entry/key-77' })
    const before = traffic.done
    const ordered = await host.call('cluster.audit', { cluster: host.cluster })
    const repaired = await incident(({ state, evidence }) => state === 'repaired' && evidence !== null)
    await waitFor('requests after the repair', () => (traffic.done > before + 100 ? true : undefined))
    await traffic.end()

    expect(ordered.kind).toBe('output')
    expect(repaired).toMatchObject({ replica: 'b', slot: ordered.slot, rung: 'restart' })
    const kinds = repaired.steps.map(({ kind }) => kind)
    expect(kinds[0]).toBe('found')
    expect(kinds).toEqual(expect.arrayContaining(['quarantined', 'evidence', 'restarted', 'verified']))
    expect(repaired.evidence?.differs).toBe('state')
    expect(repaired.evidence?.keys.map(({ key }) => key)).toEqual(['kv/entry/key-77'])
    expect(repaired.evidence?.keys[0]?.majority).not.toEqual(repaired.evidence?.keys[0]?.deviating)
    expect(repaired.evidence?.reports.map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c'])
    expect(repaired.summary).toMatch(
      /^b held another value for kv\/entry\/key-77 than the majority; it was restarted and /,
    )

    const { audits } = await host.call('cluster.audits', { cluster: host.cluster, limit: 10 })
    expect(audits[0]?.replicas.find(({ name }) => name === 'b')?.sign).toBe('agrees')
    const view = await host.until('b counts again', isVerified)
    expect([view.incidentsOpen, view.replicas.map(({ restarts }) => restarts)]).toEqual([0, [0, 0, 0]])
    expect(await host.read({ op: 'get', key: 'key-77' })).toMatchObject({ value: 'value of key-77' })
  }, 120_000)
})

describe('a replica whose own checkpoints and memory are mistrusted', () => {
  it('receives its State from the others, though its log reaches back to the first slot', async () => {
    await host.found('mistrusted', { auditPolicy: { slotsMax: 1_000_000, intervalMs: 3_600_000 } })
    for (let index = 1; index <= 50; index += 1) {
      await host.value('filler', index, { op: 'set', key: `key-${index}`, value: `value ${index}` })
    }
    // The first repair is in vain: what was rebuilt rots again before it is compared, for until then it hears nobody.
    for (const from of ['a', 'b']) await host.inject({ kind: 'partition', from, to: 'c', bothWays: true }, 60_000)
    await host.call('replica.repair', { cluster: host.cluster, replica: 'c' })
    await waitFor('c is started anew', async () => {
      const c = (await host.view()).replicas.find(({ name }) => name === 'c')
      return c?.process === 'running' && c.quarantined ? true : undefined
    })
    await host.inject({ kind: 'flip-byte', replica: 'c', key: 'kv/entry/key-7' })
    await host.call('cluster.heal', { cluster: host.cluster })
    const repaired = await incident(({ state }) => state !== 'open')
    expect([repaired.state, repaired.rung]).toEqual(['repaired', 'transfer'])
    const kinds = repaired.steps.map(({ kind }) => kind)
    expect(kinds).toEqual(expect.arrayContaining(['operator', 'restarted', 'quarantined', 'transferring', 'verified']))
    const { notes } = await host.call('host.notes', { limit: 100 })
    const told = notes.map(({ text }) => text)
    expect(told.some((text) => /^Replica c receives the State at slot \d+ from (a|b)/.test(text))).toBe(true)
    const view = await host.until('c counts again', isVerified)
    const stable = view.replicas.map(({ storage }) => storage.checkpoints.filter((checkpoint) => checkpoint.stable))
    expect(stable.every((checkpoints) => checkpoints.length > 0)).toBe(true)
    expect(await host.read({ op: 'get', key: 'key-7' })).toMatchObject({ value: 'value 7' })
  }, 120_000)
})
