import type { IncidentView } from '../../../core/api/audit-views.ts'
import type { Prng } from '../../../core/base/prng.ts'
import { createPrng } from '../../../core/base/prng.ts'
import { messageOf } from '../../../core/base/errors.ts'
import type { TestHost } from '../../cluster/harness.ts'
import { isWell, waitFor } from '../../cluster/harness.ts'
import type { Run } from '../program.ts'
import { keyOf, openFilled } from './clusters.ts'
import type { AuditOptions } from './options.ts'
import { CheckedTraffic, filledValue } from './traffic.ts'

/**
 * The shipped ladder stops a replica at its fourth incident within ten minutes, and is not to be weakened for this: so
 * in one cluster each replica is hit twice.
 */
const HITS = ['a', 'b', 'c', 'a', 'b', 'c'] as const
const TRAFFIC_CLIENTS = 4

interface Flip {
  readonly replica: string
  readonly key: string
  /** By the AUDIT that was ordered after it, or one right behind that took its place: none passed it over. */
  readonly isFound: boolean
  /** By the very one that was ordered. */
  readonly isFoundByOrdered: boolean
  /** The evidence shows this key, on both sides, and no other. */
  readonly isNamed: boolean
  /** A majority agreed with the replica again, and its Outputs count. */
  readonly isRepaired: boolean
  /** From the order of the AUDIT until the incident was opened. Unit: ms; NaN when it was not found. */
  readonly foundMs: number
  /** From there until it was verified. Unit: ms; NaN when it was not repaired. */
  readonly repairedMs: number
}

export interface Detection {
  readonly flips: readonly Flip[]
  readonly clusters: number
  readonly replies: number
  /** Requests that were answered with FAIL or refused; "busy" is asked again and does not count. */
  readonly failed: number
  readonly wrong: number
  /** The first things that were wrong, in words. */
  readonly told: readonly string[]
}

export function isFlawless({ flips, failed, wrong }: Detection): boolean {
  const all = flips.every(({ isFound, isNamed, isRepaired }) => isFound && isNamed && isRepaired)
  return all && failed === 0 && wrong === 0
}

/** Flips bytes one after another, in as many clusters as that takes. */
export async function measureDetection(options: AuditOptions, run: Run): Promise<Detection> {
  const prng = createPrng(options.seed)
  const flips: Flip[] = []
  const told: string[] = []
  const sums = { clusters: 0, replies: 0, failed: 0, wrong: 0 }
  while (flips.length < options.flips) {
    run.signal.throwIfAborted()
    const hits = shuffled(prng, HITS).slice(0, options.flips - flips.length)
    const traffic = await flipInOneCluster({ options, run, prng, hits, flips, told })
    sums.clusters += 1
    sums.replies += traffic.replies
    sums.failed += traffic.failed
    sums.wrong += traffic.wrong
    told.push(...traffic.told)
    const found = flips.filter(({ isFound }) => isFound).length
    const repaired = flips.filter(({ isRepaired }) => isRepaired).length
    run.tell(
      `${flips.length}/${options.flips} flips: ${found} found, ${repaired} repaired; ` +
        `${sums.replies} replies, ${sums.failed} requests failed, ${sums.wrong} replies wrong`,
    )
  }
  return { flips, told, ...sums }
}

interface Flipping {
  readonly options: AuditOptions
  readonly run: Run
  readonly prng: Prng
  readonly hits: readonly string[]
  /** Grows. */
  readonly flips: Flip[]
  readonly told: string[]
}

async function flipInOneCluster(flipping: Flipping): Promise<CheckedTraffic> {
  const { options, run, prng, hits, flips, told } = flipping
  const { folder, flipKeys } = options
  const host = await openFilled({ folder, keys: flipKeys, valueOf: filledValue, signal: run.signal })
  try {
    const traffic = new CheckedTraffic(host, { clients: TRAFFIC_CLIENTS, keys: flipKeys, seed: flips.length + 1 })
    try {
      for (const replica of hits) {
        run.signal.throwIfAborted()
        const key = prng.between(0, flipKeys - 1)
        traffic.watch(key)
        const toldBefore = told.length
        const flip = await flipOne(host, { replica, key: keyOf(key), told })
        flips.push(flip)
        for (const words of told.slice(toldBefore)) run.tell(words)
        // Where one was not repaired nothing more can be told apart.
        if (!flip.isRepaired) break
      }
    } finally {
      await traffic.end()
    }
    return traffic
  } finally {
    await host.close()
  }
}

async function flipOne(
  host: TestHost,
  { replica, key, told }: { readonly replica: string; readonly key: string; readonly told: string[] },
): Promise<Flip> {
  const flip = {
    replica,
    key,
    isFound: false,
    isFoundByOrdered: false,
    isNamed: false,
    isRepaired: false,
    foundMs: NaN,
    repairedMs: NaN,
  }
  const { cluster } = host
  try {
    await host.inject({ kind: 'flip-byte', replica, key: `kv/entry/${key}` })
    const orderedMs = Date.now()
    const ordered = await host.call('cluster.audit', { cluster, timeoutMs: 20_000 })
    const slotOrdered = ordered.slot ?? Number.NaN
    const found = await incident(host, (one) => one.replica === replica && one.slot >= slotOrdered)
    const { audits } = await host.call('cluster.audits', { cluster, limit: 100 })
    // Of AUDITs that come at once a replica works on the newest only: then it is that one's to find.
    flip.isFound = !audits.some(
      ({ slot, replicas }) =>
        slot >= slotOrdered &&
        slot < found.slot &&
        replicas.some(({ name, sign }) => name === replica && sign === 'agrees'),
    )
    flip.isFoundByOrdered = found.slot === slotOrdered
    flip.foundMs = found.openedMs - orderedMs
    const closed = await incident(host, ({ number, state }) => number === found.number && state !== 'open')
    flip.isNamed = isNamed(closed, `kv/entry/${key}`)
    await host.until('all count again', (view) => isWell(view) && view.replicas.every((one) => !one.quarantined))
    flip.isRepaired = closed.state === 'repaired'
    flip.repairedMs = (closed.closedMs ?? NaN) - found.openedMs
    if (!flip.isNamed || !flip.isRepaired) told.push(`${replica}, ${key}: ${closed.summary}`)
  } catch (error) {
    told.push(`${replica}, ${key}: ${messageOf(error)}; ${await seenOf(host).catch(messageOf)}`)
  }
  return flip
}

/** What was there to see when something did not come. */
async function seenOf(host: TestHost): Promise<string> {
  const { cluster } = host
  const { audits } = await host.call('cluster.audits', { cluster, limit: 3 })
  const { incidents } = await host.call('cluster.incidents', { cluster, limit: 3 })
  const { replicas } = await host.view()
  return JSON.stringify({
    audits: audits.map(({ slot, verdict, replicas: signs }) => [slot, verdict, signs.map(({ sign }) => sign).join()]),
    incidents: incidents.map(({ slot, replica, state, rung, steps }) => [
      slot,
      replica,
      state,
      rung,
      steps.at(-1)?.kind,
    ]),
    replicas: replicas.map(({ name, process: state, quarantined, slotExecuted, slotAudited }) => [
      ...[name, state, quarantined ? 'in quarantine' : 'counts', slotExecuted, slotAudited],
    ]),
  })
}

function incident(host: TestHost, wanted: (incident: IncidentView) => boolean): Promise<IncidentView> {
  return waitFor('the incident', async () => {
    const { incidents } = await host.call('cluster.incidents', { cluster: host.cluster, limit: 20 })
    return incidents.find(wanted)
  })
}

function isNamed({ evidence }: IncidentView, key: string): boolean {
  const [shown, ...others] = evidence?.keys ?? []
  const isBoth = JSON.stringify(shown?.deviating) !== JSON.stringify(shown?.majority)
  return shown?.key === key && isBoth && others.length === 0
}

/** Fisher and Yates; Knuth, The Art of Computer Programming 2, 3.4.2, algorithm P. */
function shuffled<T>(prng: Prng, items: readonly T[]): T[] {
  const copy = [...items]
  for (let index = copy.length - 1; index > 0; index -= 1) {
    const [taken] = copy.splice(prng.between(0, index), 1)
    if (taken !== undefined) copy.push(taken)
  }
  return copy
}
