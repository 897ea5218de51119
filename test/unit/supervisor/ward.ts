import type { IncidentView } from '../../../core/api/audit-views.ts'
import type { ReplicaReport } from '../../../core/host/protocol.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import type { Digest } from '../../../core/model/digest.ts'
import type { AuditReport, Evidence } from '../../../core/model/audit.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { slot as toSlot } from '../../../core/model/ids.ts'
import type { RepairTiming } from '../../../core/supervisor/repairs.ts'
import { expect } from 'vitest'
import { ScriptedHost } from '../../support/scripted-host.ts'
import type { ScriptedProcess } from '../../support/scripted-launcher.ts'

export const NAMES = ['a', 'b', 'c'] as const

/** A test's seconds are short. */
export const QUICK: RepairTiming = {
  backoffMs: { restart: 0, transfer: 60, stop: 120 },
  rungMsMax: 60_000,
  silentMsMax: 60_000,
  incidentsMax: 3,
  incidentsMs: 600_000,
  lookMs: 5,
}

/** Unit: ms. Long enough that whatever was about to happen has happened: the ladder looks every 5 ms. */
const SETTLED_MS = 150

const digestOf = (text: string): Digest => sha256(new TextEncoder().encode(text))
const RIGHT = digestOf('right')
const WRONG = digestOf('wrong')

/** A host with a cluster of three that run, whose replicas say what a test has them say about their audits. */
export class Ward {
  readonly host: ScriptedHost
  readonly cluster: string

  private constructor(host: ScriptedHost, cluster: string) {
    this.host = host
    this.cluster = cluster
  }

  static async founded(timing: Partial<RepairTiming> = {}): Promise<Ward> {
    const { host, cluster } = await ScriptedHost.founded({ repairTiming: { ...QUICK, ...timing } })
    const ward = new Ward(host, cluster)
    await ward.up()
    return ward
  }

  /** It is in this life of its process, and stays in it. */
  async stays(name: string, lives: number): Promise<void> {
    const untilMs = performance.now() + SETTLED_MS
    while (performance.now() < untilMs) {
      expect(this.lives(name)).toBe(lives)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  /** Of which replica, and by which number, the host asked for a checkpoint. */
  checkpointAsked(): { readonly name: string; readonly request: number } | undefined {
    return NAMES.flatMap((name) => {
      const requests = this.process(name).heard.flatMap((message) =>
        message.kind === 'requests' ? message.requests : [],
      )
      return requests.filter(({ kind }) => kind === 'checkpoint').map(({ request }) => ({ name, request }))
    })[0]
  }

  refuseCheckpoint(): void {
    const asked = this.checkpointAsked()
    if (asked === undefined) throw new Error('no checkpoint was asked for')
    const { name, request } = asked
    this.process(name).say({ kind: 'replies', replies: [{ request, reply: { kind: 'busy' } }] })
  }

  /** The same data folder, with another life of the host. */
  async reopened(): Promise<Ward> {
    await this.host.supervisor.close()
    const host = await ScriptedHost.open({ dataFolder: this.host.dataFolder, repairTiming: QUICK })
    return new Ward(host, this.cluster)
  }

  process(name: string): ScriptedProcess {
    return this.host.launcher.newest(name)
  }

  /** How many processes of a replica there were. */
  lives(name: string): number {
    return this.host.launcher.launched.filter((process) => process.name === name).length
  }

  async up(names: readonly string[] = NAMES): Promise<void> {
    await this.host.bringUp(names)
    for (const name of names) this.report(name)
  }

  report(name: string, report: Partial<ReplicaReport> = {}): void {
    const leader = this.process('a').orders.self
    const connectedTo = NAMES.filter((other) => other !== name).map((other) => this.process(other).orders.self)
    this.process(name).report({ leader, connectedTo, slotDecided: 50, slotExecuted: 50, ...report })
  }

  /** It finds that it deviates. */
  quarantined(name: string, slot = 40): void {
    this.report(name, { isQuarantined: true })
    const [own, majority] = [WRONG, RIGHT].map((root) => ({ root, outputs: RIGHT }))
    if (own === undefined || majority === undefined) throw new Error('there are two')
    this.process(name).say({ kind: 'note', note: { kind: 'quarantined', slot: toSlot(slot), own, majority } })
  }

  wantsRepair(name: string, slot = 40): void {
    this.process(name).say({ kind: 'note', note: { kind: 'repair-wanted', slot: toSlot(slot) } })
  }

  verified(name: string, slot = 60): void {
    this.report(name)
    this.process(name).say({ kind: 'note', note: { kind: 'verified', slot: toSlot(slot) } })
  }

  /** What one tells of an AUDIT: who reported, and whose State was wrong, each in its own way. */
  audited(by: string, slot: number, { wrong = [], reported = NAMES }: Audited = {}): void {
    const reports = reported.map((name): AuditReport => {
      const root = wrong.includes(name) ? digestOf(name) : RIGHT
      const findings = { root, outputs: RIGHT }
      return { replica: this.process(name).orders.self, findings, signature: new Uint8Array([1, 2]) }
    })
    const hasMajority = reported.filter((name) => !wrong.includes(name)).length >= 2
    this.process(by).say({
      kind: 'note',
      note: {
        kind: 'audit-result',
        slot: toSlot(slot),
        timeMs: slot * 1_000,
        verdict: hasMajority ? (wrong.length === 0 ? 'agrees' : 'deviation') : 'no-majority',
        reports,
        deviating: hasMajority ? wrong.map((name) => this.process(name).orders.self) : [],
        missing: NAMES.filter((name) => !reported.includes(name)).map((name) => this.process(name).orders.self),
      },
    })
  }

  /** One looked where another differs. */
  evidence(by: string, of: string, at: { readonly slot?: number; readonly value?: CanonicalValue } = {}): void {
    const { slot = 40, value = 'wrong' } = at
    const [inspector, replica] = [this.process(by).orders.self, this.process(of).orders.self]
    const signature = new Uint8Array([7, 8, 9])
    const evidence: Evidence = {
      slot: toSlot(slot),
      replica,
      inspector,
      reports: [
        { replica: inspector, findings: { root: RIGHT, outputs: RIGHT }, signature },
        { replica, findings: { root: WRONG, outputs: RIGHT }, signature },
      ],
      majority: { root: RIGHT, outputs: RIGHT },
      slotAgreed: toSlot(30),
      partitions: [17],
      keys: [{ key: 'kv/alice', deviating: value, majority: 'right' }],
    }
    this.process(by).say({ kind: 'note', note: { kind: 'audit-evidence', evidence } })
  }

  async incidents(): Promise<IncidentView[]> {
    const { incidents } = await this.host.ask('cluster.incidents', { cluster: this.cluster, limit: 100 })
    return incidents
  }

  async newest(): Promise<IncidentView> {
    const [incident] = await this.incidents()
    if (incident === undefined) throw new Error('there is no incident')
    return incident
  }

  async kinds(): Promise<string[]> {
    return (await this.newest()).steps.map(({ kind }) => kind)
  }

  /** The replica's next process is launched and comes up. @returns how it was told to start. */
  async restarted(name: string, lives: number): Promise<{ isQuarantined: boolean; discardsState: boolean }> {
    await expect.poll(() => this.lives(name), { timeout: 3_000, interval: 5 }).toBe(lives)
    await this.up([name])
    const { isQuarantined, discardsState } = this.process(name).orders
    this.report(name, { isQuarantined, isStateMissing: discardsState })
    return { isQuarantined, discardsState }
  }

  async notes(): Promise<string[]> {
    const { notes } = await this.host.ask('host.notes', { limit: 100 })
    return notes.map(({ level, text }) => `${level}: ${text}`)
  }

  async health(): Promise<string> {
    const { health } = await this.host.view()
    return `${health.level}: ${health.sentence}`
  }
}

interface Audited {
  readonly wrong?: readonly string[]
  readonly reported?: readonly string[]
}
