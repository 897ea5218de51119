import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { ConsoleFault } from '../../core/api/contract.ts'
import type { LogView } from '../../core/api/views.ts'
import { bridge } from '../bridge.ts'

/** Slots of one page. */
export const LOG_PAGE = 100

interface LogRange {
  readonly slotFrom?: number
  readonly slotTo?: number
}

/** A page of one replica's log. It stands still until another one is asked for. */
export const useLogStore = defineStore('log', () => {
  const cluster = ref<string | null>(null)
  /** Name of the one whose log is read; `null`: any that runs. */
  const replica = ref<string | null>(null)
  const page = shallowRef<LogView | null>(null)
  const fault = shallowRef<ConsoleFault | null>(null)
  const isReading = ref(false)
  /** The slot gone to, when the log does not hold it yet, or any more. */
  const outside = shallowRef<{ readonly slot: number; readonly kind: 'not-decided' | 'gone' } | null>(null)
  let question = 0

  const slotNewest = computed(() => page.value?.slots.at(-1)?.slot ?? 0)
  const slotOldest = computed(() => page.value?.slots[0]?.slot ?? 0)
  const hasOlder = computed(() => page.value !== null && slotOldest.value > Math.max(1, page.value.slotFirst))

  /** Shows another cluster's newest slots, or the same one's anew. */
  async function hydrate(id: string): Promise<void> {
    if (cluster.value !== id) {
      page.value = null
      fault.value = null
      replica.value = null
    }
    cluster.value = id
    await newest()
  }

  async function choose(name: string): Promise<void> {
    replica.value = name
    const held = page.value
    // The same slots of the other one, so that they can be compared.
    if (held === null || held.slots.length === 0 || slotNewest.value === held.slotDecided) await newest()
    else await read({ slotTo: slotNewest.value })
  }

  async function newest(): Promise<void> {
    await read({})
  }

  async function older(): Promise<void> {
    if (hasOlder.value) await read({ slotTo: slotOldest.value - 1 })
  }

  async function newer(): Promise<void> {
    await read({ slotFrom: slotNewest.value + 1 })
  }

  /** The page that begins (`slot`) or ends (`newest`) with a slot, or what comes nearest. */
  async function goTo(slot: number, order: 'newest' | 'slot'): Promise<void> {
    const found = await read(order === 'newest' ? { slotTo: slot } : { slotFrom: slot })
    if (found === null || found.slots.some((one) => one.slot === slot)) return
    const { slotFirst, slotDecided } = found
    if (slot > slotDecided) {
      if (found.slots.length === 0) await newest()
      outside.value = { slot, kind: 'not-decided' }
    } else if (slot < slotFirst) {
      if (found.slots.length === 0) await read({ slotFrom: slotFirst })
      outside.value = { slot, kind: 'gone' }
    } else {
      // Large slots: what the host sends at once did not reach it.
      await read({ slotFrom: slot })
    }
  }

  async function read(range: LogRange): Promise<LogView | null> {
    const id = cluster.value
    if (id === null) return null
    question += 1
    const mine = question
    isReading.value = true
    const whose = replica.value === null ? {} : { replica: replica.value }
    const reply = await bridge.request('cluster.log', { cluster: id, ...whose, ...range, limit: LOG_PAGE })
    // Somebody asked for something else meanwhile.
    if (mine !== question) return null
    isReading.value = false
    outside.value = null
    fault.value = reply.ok ? null : reply.fault
    if (!reply.ok) return null
    page.value = reply.value
    return reply.value
  }

  return {
    cluster,
    replica,
    page,
    fault,
    isReading,
    outside,
    slotNewest,
    slotOldest,
    hasOlder,
    hydrate,
    choose,
    newest,
    older,
    newer,
    goTo,
  }
})
