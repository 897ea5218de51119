import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import { openDoors } from '../../../core/gateway/doors.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { DEVIATION, auditView, incidentView } from '../gateway/audit-stubs.ts'
import { FAIL, OUTPUT, StubHost, clusterView, fault, ok } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

let data: string
let host: StubHost
let world: World
const closers: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'synod-cli-'))
  closers.push(() => rm(data, { recursive: true }))
  host = new StubHost()
  world = new World()
  const doors = await openDoors({ api: host, dataFolder: data, port: 0, trace: traceNothing })
  closers.push(() => doors.close())
})

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function run(verb: string, ...words: readonly string[]): Promise<number> {
  return world.run(verb, '--data', data, ...words)
}

/** As if the reports came one after another. */
function verdicts(...told: readonly (readonly unknown[])[]): void {
  let asked = 0
  host.on('cluster.audit', () => ok({ ...OUTPUT, output: { ok: true, value: { slot: 12 } } }))
  host.on('cluster.audits', () => ok({ audits: told[Math.min(asked++, told.length - 1)] ?? [] }))
}

describe('audit', () => {
  it('waits for the verdict of the AUDIT it ordered, and shows who agrees', async () => {
    const open = auditView(12, { replicas: auditView(12).replicas.map((each) => ({ ...each })) })
    const missing = { name: 'c', sign: 'missing' as const, root: null, outputs: null }
    const partial = { ...open, replicas: [...open.replicas.slice(0, 2), missing] }
    verdicts([auditView(3)], [partial, auditView(3)], [auditView(12), auditView(3)])
    expect(await run('audit', '--timeout', '500')).toBe(EXIT.done)
    expect(host.calls.find(({ name }) => name === 'cluster.audit')?.argument).toEqual({ cluster: 'c1', timeoutMs: 500 })
    expect(world.said.out.split('\n')).toEqual([
      'AUDIT at slot 12 · decided · 2 of 3 agree; c dissents.',
      'AUDIT at slot 12 · 3 of 3 agree.',
      '  ● a  State 1f2e3d4c  Outputs 5a6b7c8d',
      '  ● b  State 1f2e3d4c  Outputs 5a6b7c8d',
      '  ● c  State 1f2e3d4c  Outputs 5a6b7c8d',
      '',
    ])
  })

  it('ends with its own code where a replica deviates, and takes the verdict without those who stay silent', async () => {
    verdicts([DEVIATION])
    expect(await run('audit')).toBe(EXIT.fail)
    expect(world.said.out.split('\n').slice(1)).toEqual([
      'AUDIT at slot 40 · 1 of 3 agree; b deviates; no report yet from c.',
      '  ● a  State 1f2e3d4c  Outputs 5a6b7c8d',
      '  ✕ b  State 9900aabb  Outputs 5a6b7c8d',
      '  ○ c  no report yet',
      'Who deviates is repaired by its host. See: npx synod incidents',
      '',
    ])
  })

  it('says what to do where there is no majority', async () => {
    const replicas = auditView(12).replicas.map((each) => ({ ...each, sign: 'reported' as const }))
    verdicts([auditView(12, { verdict: 'no-majority', replicas })])
    expect(await run('audit')).toBe(EXIT.fail)
    expect(world.said.out).toContain('AUDIT at slot 12 · no majority: the replicas hold different States.')
    expect(world.said.out).toContain('npx synod repair NAME')
  })

  it('prints the AUDIT as one line for programs, and a FAIL as it is', async () => {
    verdicts([auditView(12)])
    expect(await run('audit', '--json')).toBe(EXIT.done)
    expect([world.said.out.trim().split('\n').length, world.json()]).toEqual([1, auditView(12)])
    host.on('cluster.audit', () => ok(FAIL))
    expect(await run('audit')).toBe(EXIT.fail)
  })
})

describe('audits', () => {
  it('shows one a line', async () => {
    host.on('cluster.audits', () => ok({ audits: [DEVIATION, auditView(1_030)] }))
    expect(await run('audits', '--limit', '2')).toBe(EXIT.done)
    expect(world.said.out.split('\n')).toEqual([
      '2026-01-02T03:04:05.000Z  slot 40  1 of 3 agree; b deviates; no report yet from c.',
      '2026-01-02T03:04:05.000Z  slot 1,030  3 of 3 agree.',
      '',
    ])
    expect(await run('audits', '--json')).toBe(EXIT.done)
    expect(world.json()).toEqual({ cluster: 'demo', audits: [DEVIATION, auditView(1_030)] })
    host.on('cluster.audits', () => ok({ audits: [] }))
    expect(await run('audits')).toBe(EXIT.done)
    expect(world.said.out).toContain('No AUDIT has a verdict yet.')
  })
})

describe('incidents', () => {
  it('shows one a line, with how it ended', async () => {
    host.on('cluster.incidents', () => ok({ incidents: [incidentView(2)] }))
    expect(await run('incidents')).toBe(EXIT.done)
    expect(world.said.out).toBe(`2  2026-01-02T03:04:05.000Z  repaired  ${incidentView(2).summary}\n`)
    expect(await run('incidents', '--json')).toBe(EXIT.done)
    expect(world.json()).toEqual({ cluster: 'demo', incidents: [incidentView(2)] })
    host.on('cluster.incidents', () => ok({ incidents: [] }))
    expect(await run('incidents')).toBe(EXIT.done)
    expect(world.said.out).toContain('No replica has deviated.')
  })
})

describe('incident', () => {
  it('shows every step and the evidence, and writes all of it to a new file', async () => {
    host.on('cluster.incidents', () => ok({ incidents: [incidentView(2)] }))
    const file = path.join(data, 'evidence.json')
    expect(await run('incident', '2', '--out', file)).toBe(EXIT.done)
    expect(world.said.out.split('\n')).toEqual([
      'Incident 2 · b · AUDIT at slot 40 · repaired',
      incidentView(2).summary,
      '  2026-01-02T03:04:05.000Z  found         The AUDIT at slot 40 found that b holds something else than the majority.',
      '  2026-01-02T03:04:06.800Z  verified      The AUDIT at slot 44 verified b.',
      'Evidence, gathered by a; last agreed at slot 30:',
      '  ● a  State 1f2e3d4c  Outputs 5a6b7c8d  signed',
      '  ✕ b  State 9900aabb  Outputs 5a6b7c8d  signed',
      '  partitions that differ: 17',
      '  kv/alice',
      '    b: {"value":1}',
      '    majority: (not there)',
      `Evidence: ${file}`,
      '',
    ])
    const written: unknown = JSON.parse(await readFile(file, 'utf8'))
    expect(written).toMatchObject({ kind: 'synod incident', cluster: { name: 'demo' }, incident: incidentView(2) })
    expect(await run('incident', '2', '--out', file)).toBe(EXIT.wrongArguments)
    expect(world.said.error).toContain('Name a file that is not there yet.')
    expect(await run('incident', '2', '--json')).toBe(EXIT.done)
    expect(world.json()).toEqual(written)
  })

  it('says that it knows of no such incident, and shows one without evidence', async () => {
    host.on('cluster.incidents', () => ok({ incidents: [incidentView(1, { evidence: null })] }))
    expect(await run('incident', '7')).toBe(EXIT.wrongArguments)
    expect(world.said.error).toContain('has no incident 7')
    expect(await run('incident', '1')).toBe(EXIT.done)
    expect(world.said.out).toContain('No evidence was gathered.')
    expect(await run('incident', 'x')).toBe(EXIT.wrongArguments)
  })
})

describe('repair', () => {
  it('orders it, and says why not', async () => {
    host.on('replica.repair', () => ok({}))
    expect(await run('repair', 'b')).toBe(EXIT.done)
    expect(host.calls.at(-1)?.argument).toEqual({ cluster: 'c1', replica: 'b' })
    expect(world.said.out).toContain('The repair of b was ordered')
    host.on('replica.repair', () => fault('REPLICA_UNKNOWN', 'Cluster demo has no replica "x".'))
    expect(await run('repair', 'x')).toBe(EXIT.wrongArguments)
  })
})

describe('try', () => {
  it('founds a cluster whose AUDITs come so often', async () => {
    host.on('cluster.try', () => {
      host.clusters = [clusterView('c9', 'often')]
      return ok({ cluster: 'c9' })
    })
    expect(await run('try', '--name', 'often', '--audit-every', '5')).toBe(EXIT.done)
    const founded = host.calls.find(({ name }) => name === 'cluster.try')?.argument
    expect(founded).toEqual({ name: 'often', auditPolicy: { slotsMax: 100_000, intervalMs: 5_000 } })
    expect(await run('try', '--audit-every', '0')).toBe(EXIT.wrongArguments)
  })
})
