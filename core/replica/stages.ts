import { Audits } from '../audit/audits.ts'
import { AUDIT_POLICY } from '../audit/policy.ts'
import { Checkpoints } from '../checkpoint/checkpoints.ts'
import { CHECKPOINT_POLICY } from '../checkpoint/policy.ts'
import type { Executed } from '../execution/executor.ts'
import { Executor } from '../execution/executor.ts'
import { Log } from '../log/log.ts'
import type { Ballot } from '../model/ballot.ts'
import { hashCanonical } from '../model/canonical.ts'
import type { Certificate } from '../model/checkpoint.ts'
import { Configurations } from '../model/configurations.ts'
import type { ReplicaId } from '../model/ids.ts'
import { SLOT_NONE, slotAfter } from '../model/ids.ts'
import { votedBytes } from '../model/vote.ts'
import { Ordering } from '../ordering/ordering.ts'
import { Answers } from '../output/answers.ts'
import { Votes } from '../output/votes.ts'
import { State } from '../state/state.ts'
import type { FreeMessage } from '../wire/message.ts'
import { Applier } from './applier.ts'
import type { Effect, Note } from './effects.ts'
import { Forwarding } from './forwarding.ts'
import { LeaderQueue } from './leader-queue.ts'
import { OutputTraffic } from './output-traffic.ts'
import { Proofs } from './proofs.ts'
import { Proxy } from './proxy.ts'
import { Reads } from './reads.ts'
import type { ReplicaInit } from './replica-init.ts'
import { SyncWatch } from './sync-watch.ts'

/** What the stages ask of the replica that composes them. */
interface Wiring {
  readonly emit: (effect: Effect) => void
  readonly send: (to: ReplicaId, message: FreeMessage) => void
  readonly note: (note: Note) => void
  readonly onExecuted: (executed: Executed & { readonly ballot: Ballot }) => void
  readonly jump: (certificate: Certificate) => void
}

/** All parts of a replica, put together. None of them knows another but by what it is given here. */
export interface Stages {
  readonly configurations: Configurations
  readonly ordering: Ordering
  readonly log: Log
  readonly executor: Executor
  readonly checkpoints: Checkpoints
  readonly applier: Applier
  readonly audits: Audits
  readonly answers: Answers
  readonly votes: Votes
  readonly queue: LeaderQueue
  readonly proxy: Proxy
  readonly outputs: OutputTraffic
  readonly reads: Reads
  readonly sync: SyncWatch
  readonly forwarding: Forwarding
}

export function createStages(init: ReplicaInit, wiring: Wiring): Stages {
  const { self, cluster, registry, hash, signer: signing, prng, lease, queueInputsMax } = init
  const { emit, send } = wiring
  const sync = new SyncWatch()
  const configurations = new Configurations([{ slotFirst: slotAfter(SLOT_NONE), configuration: init.configuration }])
  const ordering = new Ordering({ self, configurations, prng, lease })
  const queue = new LeaderQueue(queueInputsMax)
  const log = new Log({
    self,
    configurations,
    memory: init.logMemory,
    slotUnsynced: () => sync.slotUnsynced,
  })
  const executor = new Executor({ state: new State(hash), registry, hash, teller: self })
  const checkpointPolicy = { ...CHECKPOINT_POLICY, ...init.checkpointPolicy }
  const checkpoints = new Checkpoints({ self, cluster, configurations, hash, signing, policy: checkpointPolicy })
  const auditPolicy = { ...AUDIT_POLICY, ...init.auditPolicy }
  const isQuarantined = init.isQuarantined ?? false
  const audits = new Audits({ self, cluster, configurations, hash, signing, policy: auditPolicy, isQuarantined })
  const votes = new Votes({ self, configurations, hash })
  const answers = new Answers((slot, digest) => signing.sign(votedBytes({ cluster, slot, digest })))
  const { proxy, reads } = createDoors(init, wiring, { configurations, executor, audits, queue, votes })
  const applier = new Applier({
    ...{ self, log, executor, checkpoints, emit },
    discardsState: init.discardsState,
    note: wiring.note,
    onExecuted: wiring.onExecuted,
    onInstalled: (slot) => {
      votes.recovered(slot)
      audits.installed()
    },
    jump: wiring.jump,
  })
  const outputs = new OutputTraffic({ answers, votes, proxy, send })
  const forwarding = new Forwarding(self, queue, send)
  return {
    ...{ configurations, ordering, log, executor, checkpoints, applier, audits, answers, votes },
    ...{ queue, proxy, outputs, reads, sync, forwarding },
  }
}

/** What clients' requests come through. */
function createDoors(
  { self, cluster, life, hash, signer, queueInputsMax }: ReplicaInit,
  { emit, send, note }: Wiring,
  {
    configurations,
    executor,
    audits,
    queue,
    votes,
  }: Pick<Stages, 'configurations' | 'executor' | 'audits' | 'queue' | 'votes'>,
): Pick<Stages, 'proxy' | 'reads'> {
  const proxy = new Proxy({
    self,
    life,
    configurations,
    votes,
    proofs: new Proofs({ cluster, configurations, signer, note }),
    emit,
    queueInputsMax,
    order: (inputs) => inputs.filter((input) => !queue.add(input)),
    readStale: (machine, payload) =>
      audits.isQuarantined ? undefined : { slot: executor.slotExecuted, output: executor.read(machine, payload) },
  })
  const reads = new Reads({
    self,
    life,
    configurations,
    send,
    reply: (request, reply) => {
      emit({ kind: 'reply', request, reply })
    },
    evaluate: (machine, payload) => {
      if (audits.isQuarantined) return undefined
      const output = executor.read(machine, payload)
      return { output, digest: hashCanonical(hash, output) }
    },
    slotExecuted: () => executor.slotExecuted,
    order: (read, arrivedMs) => {
      proxy.orderRead(read, arrivedMs)
    },
  })
  return { proxy, reads }
}
