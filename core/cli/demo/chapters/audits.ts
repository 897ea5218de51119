import type { EvidenceView, IncidentView } from '../../../api/audit-views.ts'
import type { ReplicaView } from '../../../api/views.ts'
import { Load } from '../../rehearse/load.ts'
import type { Stage } from '../stage.ts'
import type { Story } from '../story.ts'

/** Unit: ms. So often a request is sent while replicas are found and repaired. */
const EVERY_MS = 50
/** Written in an earlier chapter, and touched by nobody since: no vote can show that it changed. */
const QUIET_KEY = 'kv/entry/reading/3'

/** A liar and a flipped byte: found by an AUDIT, repaired and verified, while requests go on. */
export async function findAndRepair(stage: Stage, story: Story): Promise<void> {
  const load = new Load(stage)
  load.start(EVERY_MS)
  try {
    const liar = await outvoteLiar(stage, story)
    await repairLiar(stage, story, liar)
    await repairFlippedByte(stage, story)
  } finally {
    await load.stop()
  }
  await load.verify()
  const { wrong, failed } = load
  story.check(
    wrong.count === 0 && failed.count === 0,
    'All the while requests went on. None failed, and every reply was right.',
    [`${load.replies} replies`, ...wrong.told, ...failed.told].join('; '),
  )
}

/** @returns the liar as it was before. */
async function outvoteLiar(stage: Stage, story: Story): Promise<ReplicaView> {
  story.chapter('Make one replica lie')
  const view = await stage.until('a leader is known', ({ leader }) => leader !== null)
  // The leader itself: its Output is the first its proxy sees, and still it does not count more than one.
  const liar = replicaNamed(view.replicas, view.leader ?? 'a')
  const { name } = liar
  await stage.call('cluster.inject', { cluster: stage.cluster, fault: { kind: 'lie', replica: name } })
  const outcome = await stage.output({ client: 'truth', sequence: 1, input: { op: 'increment', key: 'truth', by: 42 } })
  const right = outcome.output.ok && JSON.stringify(outcome.output.value) === '{"value":42}'
  story.check(right, `Replica ${name} lies, and the reply is right: the majority's Output.`, '42')
  const slot = await stage.votes(
    outcome.slot,
    ({ inputs }) => inputs[0]?.votes.every((vote) => vote.sign !== 'none' && vote.sign !== 'answered') ?? false,
  )
  const votes = slot.inputs[0]?.votes ?? []
  story.show(votes.map((vote) => `${vote.sign === 'agrees' ? '●' : '✕'} ${vote.name}  ${short(vote.digest)}`))
  const dissenters = votes.filter((vote) => vote.sign === 'dissents').map((vote) => vote.name)
  story.check(dissenters.join() === name, `The votes name the dissenter: ${dissenters.join()}.`)
  return liar
}

async function repairLiar(stage: Stage, story: Story, liar: ReplicaView): Promise<void> {
  const { name } = liar
  story.chapter('Let the AUDIT find the liar')
  const evidence = await beFound(stage, story, name)
  const reports = evidence.reports.map((report) => ({ ...report, isLiar: report.name === name }))
  story.show(
    reports.map(
      ({ name: who, root, outputs, isLiar }) =>
        `${isLiar ? '✕' : '●'} ${who}  State ${short(root)}  Outputs ${short(outputs)}`,
    ),
  )
  const isLie = reports.every(
    ({ root, outputs, isLiar }) =>
      root === evidence.majority.root && (outputs !== evidence.majority.outputs) === isLiar,
  )
  story.check(
    evidence.differs === 'outputs' && isLie,
    `Each replica signed what it holds and what it gave. The States are alike; the Outputs of ${name} differ.`,
  )
  await standAside(stage, story, name)
  await comeBack(stage, story, liar)
  const { faults } = replicaNamed((await stage.view()).replicas, name)
  story.check(faults.length === 0, 'Its new process does not lie.')
}

async function repairFlippedByte(stage: Stage, story: Story): Promise<void> {
  story.chapter('Flip a byte in the memory of a replica')
  const before = await stage.until('a leader is known', ({ leader }) => leader !== null)
  const victim = replicaNamed(
    before.replicas,
    before.replicas.map(({ name }) => name).findLast((name) => name !== before.leader) ?? 'c',
  )
  const { name } = victim
  const fault = { kind: 'flip-byte', replica: name, key: QUIET_KEY } as const
  await stage.call('cluster.inject', { cluster: stage.cluster, fault })
  const evidence = await beFound(stage, story, name)
  const [found] = evidence.keys
  const deviating = JSON.stringify(found?.deviating)
  const majority = JSON.stringify(found?.majority)
  story.show([found?.key ?? '', `  ✕ ${name}  ${deviating}`, `  ● the others  ${majority}`])
  story.check(
    evidence.keys.length === 1 && found?.key === QUIET_KEY && deviating !== majority,
    'The evidence names the key and shows both values. No request had touched that key since it was written.',
    evidence.keys.map(({ key }) => key).join(', '),
  )
  await standAside(stage, story, name)
  await comeBack(stage, story, victim)
  const held = await stage.call('cluster.read', {
    cluster: stage.cluster,
    machine: 'kv',
    input: { op: 'get', key: 'reading/3' },
  })
  const value = held.kind === 'output' && held.output.ok ? JSON.stringify(held.output.value) : ''
  story.check(value.includes('{"celsius":21}'), 'The key still reads what was once written.', value)
}

/** Orders an AUDIT. @returns the evidence of the incident it opened. */
async function beFound(stage: Stage, story: Story, name: string): Promise<EvidenceView> {
  const ordered = await stage.call('cluster.audit', { cluster: stage.cluster })
  story.check(
    ordered.kind === 'output',
    'An AUDIT is ordered like any Input. Each replica hashes what it really holds.',
  )
  const { evidence } = await stage.incident(name, (one) => one.slot === ordered.slot && one.evidence !== null)
  const { audits } = await stage.call('cluster.audits', { cluster: stage.cluster, limit: 100 })
  const audit = audits.find(({ slot }) => slot === ordered.slot)
  const deviating = audit?.replicas.filter(({ sign }) => sign === 'deviates').map((replica) => replica.name)
  story.check(
    deviating?.join() === name && evidence !== null,
    `This AUDIT found ${name}: it deviates from the majority.`,
    `slot ${ordered.slot}`,
  )
  return evidence
}

/** In quarantine it neither votes nor is missed. */
async function standAside(stage: Stage, story: Story, name: string): Promise<void> {
  await stage.until(`${name} is in quarantine`, ({ replicas }) => replicaNamed(replicas, name).quarantined)
  const outcome = await stage.output({
    client: `while-${name}-is-away`,
    sequence: 1,
    input: { op: 'set', key: 'away', value: name },
  })
  const agreeing = outcome.votes.filter(({ sign }) => sign === 'agrees').map((vote) => vote.name)
  const isServed = outcome.output.ok && agreeing.length === 2 && !agreeing.includes(name)
  story.check(
    isServed,
    `${name} is in quarantine: its Outputs don't count. The others go on serving.`,
    `${agreeing.join(' and ')} answer`,
  )
}

/** Started anew, rebuilt, verified by an AUDIT, and counted again. */
async function comeBack(stage: Stage, story: Story, before: ReplicaView): Promise<void> {
  const { name } = before
  const repaired = await stage.incident(name, ({ state }) => state !== 'open')
  const kinds = repaired.steps.map(({ kind }) => kind)
  const after = await stage.until(
    `${name} counts again`,
    ({ survivable, replicas }) => survivable === 1 && !replicaNamed(replicas, name).quarantined,
  )
  const pid = replicaNamed(after.replicas, name).pid
  story.check(
    repaired.rung === 'restart' && kinds.includes('restarted') && pid !== before.pid,
    `${name} was started anew, and rebuilt its State from its own log.`,
    `process ${String(before.pid)}, then ${String(pid)}`,
  )
  story.check(
    repaired.state === 'repaired' && kinds.includes('verified'),
    'Another AUDIT verified it: a majority agrees with what it holds now.',
    took(repaired),
  )
  const outcome = await stage.output({
    client: `since-${name}-is-back`,
    sequence: 1,
    input: { op: 'set', key: 'back', value: name },
  })
  const slot = await stage.votes(outcome.slot, ({ inputs }) =>
    inputs.every(({ votes }) => votes.some((vote) => vote.name === name && vote.sign === 'agrees')),
  )
  story.check(
    slot.inputs.length > 0,
    `Its Outputs count again: ${slot.inputs[0]?.votes.filter(({ sign }) => sign === 'agrees').length ?? 0} of 3 agree.`,
  )
}

function took({ openedMs, closedMs }: IncidentView): string {
  return closedMs === null ? '' : `${((closedMs - openedMs) / 1000).toFixed(1)} s after it was found`
}

function replicaNamed(replicas: readonly ReplicaView[], name: string): ReplicaView {
  const found = replicas.find((replica) => replica.name === name)
  if (found === undefined) throw new Error(`the cluster has no replica ${name}`)
  return found
}

function short(digest: string | null): string {
  return (digest ?? '').slice(0, 6)
}
