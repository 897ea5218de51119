import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { bridge } from '../bridge.ts'
import { resultOf, type SentShown } from './submit.ts'

interface Ordered extends SentShown {
  readonly cluster: string
}

/** The last CHECKPOINT that was ordered from here, with what came of it. */
export const useCheckpointStore = defineStore('checkpoint', () => {
  const ordered = shallowRef<Ordered | null>(null)
  const isWaiting = computed(() => ordered.value?.result.kind === 'waiting')

  async function order(cluster: string): Promise<void> {
    if (isWaiting.value) return
    const started = performance.now()
    const asked = { kind: 'checkpoint', cluster, machine: '', input: null, tookMs: null } as const
    ordered.value = { ...asked, result: { kind: 'waiting' } }
    const reply = await bridge.request('cluster.checkpoint', { cluster })
    ordered.value = { ...asked, tookMs: performance.now() - started, result: resultOf(reply) }
  }

  function dismiss(): void {
    if (!isWaiting.value) ordered.value = null
  }

  return { ordered, isWaiting, order, dismiss }
})
