import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProofView } from '../../core/api/proof.ts'
import { openDoors } from '../../core/index.ts'
import type { Doors } from '../../core/index.ts'
import { World } from '../unit/cli/surroundings.ts'
import { TestHost } from './harness.ts'

let host: TestHost
let doors: Doors | undefined
let ids: ReadonlyMap<string, string>

beforeAll(async () => {
  host = await TestHost.open()
  await host.found()
  doors = await openDoors({ api: host.api, dataFolder: host.folder, port: 0, trace: () => undefined })
  ids = new Map((await host.view()).replicas.map(({ name, id }) => [name, id]))
})

afterAll(async () => {
  await doors?.close()
  await host.close()
})

/** @returns the file of the proof of this Input's Output. */
async function submit(client: string, sequence: number, input: object): Promise<string> {
  const file = join(host.folder, `${client}-${sequence}.proof`)
  const words = ['--data', host.folder, '--machine', 'kv', '--client', client, '--sequence', String(sequence)]
  const world = new World()
  const exit = await world.run('submit', ...words, '--timeout', '20000', '--proof', file, JSON.stringify(input))
  expect({ exit, ...world.said }).toMatchObject({ exit: 0, error: '' })
  return file
}

async function proofIn(file: string): Promise<ProofView> {
  return JSON.parse(await readFile(file, 'utf8')) as ProofView
}

/** As somebody who knows the ids of the members, and nothing else of the cluster. */
async function verify(file: string): Promise<{ readonly exit: number; readonly out: string }> {
  const world = new World()
  const exit = await world.run('verify-proof', file, '--members', [...ids.values()].join(','))
  return { exit, out: world.said.out }
}

describe('the proof of an Output, by three replica processes', () => {
  it('holds for who knows the members’ ids alone, and not when a word of it is another', async () => {
    const file = await submit('payer', 1, { op: 'set', key: 'paid', value: 100 })
    const checked = await verify(file)
    expect(checked.exit).toBe(0)
    expect(checked.out).toContain('Input: client payer · sequence 1 · kv · {"op":"set","key":"paid","value":100}')
    const proof = await proofIn(file)
    const payload = Buffer.from(proof.input.payload, 'base64')
    // 100 becomes 101 in the encoding of what was asked.
    payload[payload.lastIndexOf(100)] = 101
    const forged = join(host.folder, 'forged.proof')
    const input = { ...proof.input, payload: payload.toString('base64') }
    await writeFile(forged, JSON.stringify({ ...proof, input }))
    expect(await verify(forged)).toMatchObject({ exit: 1, out: expect.stringContaining('"value":101') as string })
  })

  it('is given for a retry too, at another slot, and says that it is one', async () => {
    const first = await proofIn(await submit('counter', 1, { op: 'increment', key: 'n' }))
    const file = join(host.folder, 'retry.proof')
    const words = ['--data', host.folder, '--machine', 'kv', '--client', 'counter', '--timeout', '20000']
    expect(await new World().run('submit', ...words, '--proof', file, '{"op":"increment","key":"n"}')).toBe(0)
    const retried = await proofIn(file)
    expect(retried.slot).toBeGreaterThan(first.slot)
    expect([retried.output, retried.input.repeat, first.input.repeat]).toEqual([first.output, true, false])
    expect((await verify(file)).exit).toBe(0)
  })

  it('is given over HTTP for a read with ?proof=1, which is ordered then', async () => {
    const token = new URL(doors?.consoleUrl ?? '').hash.replace('#token=', '')
    const response = await fetch(`${doors?.url ?? ''}/v1/reads?proof=1`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ machine: 'kv', input: { op: 'get', key: 'paid' }, timeoutMs: 20_000 }),
    })
    const answer = (await response.json()) as { readonly slot: number; readonly proof: ProofView }
    expect([response.status, answer.proof.slot]).toEqual([200, answer.slot])
    expect(answer.proof.output).toEqual({ ok: true, value: { value: 100, found: true } })
    const file = join(host.folder, 'read.proof')
    await writeFile(file, JSON.stringify(answer.proof))
    expect((await verify(file)).exit).toBe(0)
  })

  it('holds no signature of a lying replica, whichever it is', async () => {
    for (const [index, liar] of ['a', 'b', 'c'].entries()) {
      const { number } = await host.inject({ kind: 'lie', replica: liar })
      await host.until('it is seen to lie', ({ replicas }) =>
        replicas.some(({ name, faults }) => name === liar && faults.length > 0),
      )
      const file = await submit('among-liars', index + 1, { op: 'set', key: 'k', value: index })
      const { signatures, output } = await proofIn(file)
      expect(output).toEqual({ ok: true, value: { existed: index > 0 } })
      expect(signatures.map(({ replica }) => replica)).not.toContain(ids.get(liar))
      expect(signatures.length).toBeGreaterThanOrEqual(2)
      expect((await verify(file)).exit).toBe(0)
      await host.call('cluster.heal', { cluster: host.cluster, number })
      await host.until('it stopped, and all are trusted', ({ replicas }) =>
        replicas.every(({ faults, quarantined }) => faults.length === 0 && !quarantined),
      )
    }
  })
})
