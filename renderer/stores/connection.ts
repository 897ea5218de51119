import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { bridge } from '../bridge.ts'
import type { ConnectionState } from '../connection.ts'

/** Whether the host is reached now. */
export const useConnectionStore = defineStore('connection', () => {
  const state = shallowRef<ConnectionState>(bridge.state())
  /** How often the host was reached: each time, everything shown is asked for again. */
  const openings = ref(state.value.kind === 'open' ? 1 : 0)
  const isOpen = computed(() => state.value.kind === 'open')

  onScopeDispose(
    bridge.onState((next) => {
      if (next.kind === 'open' && state.value.kind !== 'open') openings.value += 1
      state.value = next
    }),
  )

  function retry(token?: string): void {
    bridge.retry(token)
  }

  return { state, openings, isOpen, retry }
})
