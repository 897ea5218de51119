import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { ConsoleFault } from '../../core/api/contract.ts'
import type { ClusterView, HostView } from '../../core/api/views.ts'
import { bridge } from '../bridge.ts'
import { useConsoleEvent } from '../composables/useConsoleEvent.ts'

/** What the host shows: itself, its state machines and its clusters. A cache of its feed. */
export const useHostStore = defineStore('host', () => {
  const view = shallowRef<HostView | null>(null)
  const fault = shallowRef<ConsoleFault | null>(null)
  /** Id of the cluster on the screen. */
  const clusterId = ref<string | null>(null)

  const clusters = computed(() => view.value?.clusters ?? [])
  const machines = computed(() => view.value?.machines ?? [])
  const cluster = computed(() => clusters.value.find(({ id }) => id === clusterId.value) ?? null)

  let asking: Promise<void> | null = null
  let askAgain: { readonly fresh: boolean } | null = null

  /**
   * Asks for everything. Calls while an answer is awaited become one more question after it, and end with that one.
   * `fresh`: the host may have been started anew, so its versions are not compared with those shown.
   */
  function hydrate(fresh = false): Promise<void> {
    if (asking !== null) {
      askAgain = { fresh: fresh || (askAgain?.fresh ?? false) }
      return asking
    }
    asking = ask(fresh).finally(() => {
      asking = null
    })
    return asking
  }

  async function ask(fresh: boolean): Promise<void> {
    const reply = await bridge.request('host.view', {})
    if (!reply.ok) {
      fault.value = reply.fault
    } else {
      fault.value = null
      view.value = fresh ? reply.value : { ...reply.value, clusters: reply.value.clusters.map(newerOf) }
    }
    const again = askAgain
    askAgain = null
    if (again !== null) await ask(again.fresh)
  }

  /** Shows a cluster's new view. After a gap in its versions, or for a cluster not known yet, the host is asked again. */
  function apply(change: ClusterView): void {
    const host = view.value
    if (host === null) return
    const current = host.clusters.find(({ id }) => id === change.id)
    if (current === undefined) {
      void hydrate()
      return
    }
    if (change.version <= current.version) return
    view.value = { ...host, clusters: host.clusters.map((one) => (one.id === change.id ? change : one)) }
    if (change.version > current.version + 1) void hydrate()
  }

  function newerOf(asked: ClusterView): ClusterView {
    const shown = clusters.value.find(({ id }) => id === asked.id)
    return shown !== undefined && shown.version > asked.version ? shown : asked
  }

  function select(id: string | null): void {
    clusterId.value = id
  }

  useConsoleEvent('cluster.changed', apply)
  useConsoleEvent('host.changed', () => void hydrate())

  return { view, fault, clusterId, clusters, machines, cluster, hydrate, apply, select }
})
