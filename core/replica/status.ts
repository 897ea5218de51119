import type { ReplicaCheckpoints, ReplicaStatus } from './replica-init.ts'
import type { Stages } from './stages.ts'

/** What the outside may look at between two steps. */
export function statusOf(stages: Stages): ReplicaStatus {
  const { ordering, log, executor, applier, audits, proxy, reads } = stages
  return {
    role: ordering.role,
    leader: ordering.leader,
    ballot: ordering.ballot,
    slotDecided: log.slotDecided,
    slotExecuted: executor.slotExecuted,
    waiting: proxy.waiting + reads.size,
    lies: executor.lies,
    isQuarantined: audits.isQuarantined,
    isAuditorDisabled: audits.isDisabled,
    slotAudited: audits.slotLast,
    isStateMissing: applier.isStateMissing,
  }
}

/** Checkpoints, what may be dropped, and a state transfer under way, for people. */
export function checkpointsOf(stages: Stages): ReplicaCheckpoints {
  const { checkpoints, counter, pinned, retained, transfer, writing } = stages.checkpoints
  return { checkpoints, counter, pinned, retained, transfer, writing, slotFirst: stages.log.slotFirst }
}
