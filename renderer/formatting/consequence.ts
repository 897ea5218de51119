import type { ClusterView, ReplicaView } from '../../core/api/views.ts'
import { text } from '../text.ts'
import type { ReplicaFault } from './faults.ts'

/** What can be done to a replica: its life, its repair, and faults for rehearsal. */
export type ReplicaAction = 'start' | 'stop' | 'repair' | ReplicaFault

/** What an action would cost, when it costs something worth a question. */
export interface Consequence {
  readonly title: string
  readonly body: string
  readonly confirm: string
}

/** Injected faults by which a replica's Outputs or State can't be trusted. */
const UNSOUND = ['lie', 'flip-byte']

/** @returns `null` when the action may simply be done: requests are served after it as before it. */
export function consequenceOf(action: ReplicaAction, cluster: ClusterView, replica: ReplicaView): Consequence | null {
  const words = text.consequence
  const { name } = replica
  switch (action) {
    case 'start':
    case 'disable-auditor':
      return null
    case 'repair':
      return repairOf(cluster, replica)
    case 'stop':
      return ofQuorum(cluster, replica, { title: words.stopTitle, body: words.stopQuorum, confirm: words.stopConfirm })
    case 'kill':
      return ofQuorum(cluster, replica, { title: words.killTitle, body: words.killQuorum, confirm: words.killConfirm })
    case 'pause':
      return ofQuorum(cluster, replica, {
        title: words.pauseTitle,
        body: words.awayQuorum,
        confirm: words.pauseConfirm,
      })
    case 'disk-stall':
    case 'disk-full':
      return ofQuorum(cluster, replica, { title: words.diskTitle, body: words.awayQuorum, confirm: words.diskConfirm })
    case 'lie':
    case 'flip-byte': {
      const sound = cluster.replicas.filter(isSound)
      const left = sound.filter(({ id }) => id !== replica.id).length
      if (sound.length < cluster.quorum || left >= cluster.quorum) return null
      return action === 'lie'
        ? { title: words.lieTitle(name), body: words.lieQuorum(left, cluster.quorum), confirm: words.lieConfirm }
        : { title: words.flipTitle(name), body: words.flipQuorum(left, cluster.quorum), confirm: words.flipConfirm }
    }
  }
}

interface QuorumWords {
  readonly title: (name: string) => string
  readonly body: (left: number, quorum: number) => string
  readonly confirm: string
}

/** Asked about only when the majority would be gone. */
function ofQuorum(cluster: ClusterView, replica: ReplicaView, words: QuorumWords): Consequence | null {
  const { quorum } = cluster
  const running = cluster.replicas.filter(isRunning)
  const left = running.filter(({ id }) => id !== replica.id).length
  if (running.length < quorum || left >= quorum) return null
  return { title: words.title(replica.name), body: words.body(left, quorum), confirm: words.confirm }
}

/** Always asked about: its process ends, and nobody sees why from outside. */
function repairOf({ quorum, replicas }: ClusterView, replica: ReplicaView): Consequence {
  const words = text.repair
  const left = replicas.filter((one) => one.id !== replica.id && isRunning(one) && !one.quarantined).length
  const meanwhile = left >= quorum ? words.served(left, quorum, left - quorum) : words.waits(left, quorum)
  return { title: words.title(replica.name), body: `${words.body} ${meanwhile}`, confirm: words.confirm }
}

export function isRunning(replica: ReplicaView): boolean {
  return replica.process === 'running'
}

function isSound(replica: ReplicaView): boolean {
  return isRunning(replica) && !replica.quarantined && !replica.faults.some((fault) => UNSOUND.includes(fault))
}

/** Its process is down, or about to be: struck through wherever it is shown. */
export function isDown(replica: ReplicaView): boolean {
  return replica.process === 'stopped' || replica.process === 'failed' || replica.process === 'restarting'
}
