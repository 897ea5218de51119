import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import type { ClusterView, ReplicaView } from '../../core/api/views.ts'
import { consequenceOf, type Consequence, type ReplicaAction } from '../formatting/consequence.ts'
import { useActionsStore } from '../stores/actions.ts'

export interface ReplicaActions {
  /** What is asked about before it is done; `null` until something was. */
  readonly consequence: Readonly<ShallowRef<Consequence | null>>
  readonly asking: Ref<boolean>
  /** Does it, or asks first when it has a consequence. */
  readonly act: (action: ReplicaAction, cluster: ClusterView, replica: ReplicaView) => void
  /** Does what was asked about. */
  readonly confirm: () => void
}

export function useReplicaActions(): ReplicaActions {
  const actions = useActionsStore()
  const consequence = shallowRef<Consequence | null>(null)
  const asking = ref(false)
  let postponed: (() => Promise<void>) | null = null

  function act(action: ReplicaAction, cluster: ClusterView, replica: ReplicaView): void {
    const perform = (): Promise<void> => actions.onReplica(action, { cluster: cluster.id, replica: replica.name })
    const found = consequenceOf(action, cluster, replica)
    if (found === null) {
      void perform()
      return
    }
    postponed = perform
    consequence.value = found
    asking.value = true
  }

  function confirm(): void {
    void postponed?.()
    postponed = null
  }

  return { consequence, asking, act, confirm }
}
