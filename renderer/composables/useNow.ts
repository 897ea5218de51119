import { onScopeDispose, readonly, ref, type Ref } from 'vue'

const EVERY_MS = 1000

const nowMs = ref(Date.now())
let users = 0
let timer: number | undefined

/** This computer's time, moved on once a second; one timer for all who look. */
export function useNow(): Readonly<Ref<number>> {
  users += 1
  if (users === 1) {
    nowMs.value = Date.now()
    timer = window.setInterval(() => {
      nowMs.value = Date.now()
    }, EVERY_MS)
  }
  onScopeDispose(() => {
    users -= 1
    if (users === 0) window.clearInterval(timer)
  })
  return readonly(nowMs)
}
