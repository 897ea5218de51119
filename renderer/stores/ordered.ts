import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { bridge } from '../bridge.ts'
import { resultOf, type SentShown } from './submit.ts'

export interface Ordered extends SentShown {
  readonly cluster: string
}

export interface Ordering {
  /** The last one that was ordered from here, with what came of it. */
  readonly ordered: ShallowRef<Ordered | null>
  readonly isWaiting: ComputedRef<boolean>
  readonly order: (cluster: string) => Promise<void>
  readonly dismiss: () => void
}

/** Ordering a CHECKPOINT or an AUDIT by hand, one at a time. */
export function orderingOf(kind: 'checkpoint' | 'audit'): Ordering {
  const ordered = shallowRef<Ordered | null>(null)
  const isWaiting = computed(() => ordered.value?.result.kind === 'waiting')

  async function order(cluster: string): Promise<void> {
    if (isWaiting.value) return
    const started = performance.now()
    const asked = { kind, cluster, machine: '', input: null, tookMs: null } as const
    ordered.value = { ...asked, result: { kind: 'waiting' } }
    const reply = await bridge.request(`cluster.${kind}`, { cluster })
    ordered.value = { ...asked, tookMs: performance.now() - started, result: resultOf(reply) }
  }

  function dismiss(): void {
    if (!isWaiting.value) ordered.value = null
  }

  return { ordered, isWaiting, order, dismiss }
}
