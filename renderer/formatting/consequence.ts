import type { ClusterView, ReplicaView } from '../../core/api/views.ts'
import { text } from '../text.ts'

export type ReplicaAction = 'start' | 'stop' | 'kill' | 'lie' | 'truth'

/** What an action would cost, when it costs something worth a question. */
export interface Consequence {
  readonly title: string
  readonly body: string
  readonly confirm: string
}

/** @returns `null` when the action may simply be done: requests are served after it as before it. */
export function consequenceOf(action: ReplicaAction, cluster: ClusterView, replica: ReplicaView): Consequence | null {
  const { quorum } = cluster
  const running = cluster.replicas.filter(isRunning)
  const left = running.filter(({ id }) => id !== replica.id).length
  const costsQuorum = running.length >= quorum && left < quorum
  const words = text.consequence
  switch (action) {
    case 'stop':
      if (!costsQuorum) return null
      return { title: words.stopTitle(replica.name), body: words.stopQuorum(left, quorum), confirm: words.stopConfirm }
    case 'kill':
      if (!costsQuorum) return null
      return { title: words.killTitle(replica.name), body: words.killQuorum(left, quorum), confirm: words.killConfirm }
    case 'lie': {
      const truthful = running.filter(({ faults }) => !faults.includes('lie'))
      const honest = truthful.filter(({ id }) => id !== replica.id).length
      if (truthful.length < quorum || honest >= quorum) return null
      return { title: words.lieTitle(replica.name), body: words.lieQuorum(honest, quorum), confirm: words.lieConfirm }
    }
    case 'start':
    case 'truth':
      return null
  }
}

export function isRunning(replica: ReplicaView): boolean {
  return replica.process === 'running'
}

/** Its process is down, or about to be: struck through wherever it is shown. */
export function isDown(replica: ReplicaView): boolean {
  return replica.process === 'stopped' || replica.process === 'failed' || replica.process === 'restarting'
}
