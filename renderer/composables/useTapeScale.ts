import { readonly, ref, toValue, watch, type MaybeRefOrGetter, type Ref } from 'vue'
import { slotsPerColumn } from '../tape/layout.ts'

/** The rate of slots is measured over this long. Unit: ms. */
const WINDOW_MS = 2000

/** How many slots share a column of the tape, from the rate at which the newest slot rises. */
export function useTapeScale(newestSlot: MaybeRefOrGetter<number>): Readonly<Ref<number>> {
  const scale = ref(1)
  let samples: { readonly atMs: number; readonly slot: number }[] = []
  watch(
    () => toValue(newestSlot),
    (slot, before) => {
      const atMs = performance.now()
      // The first picture and a jump back to the newest are not a rate.
      if (before === 0 || slot < before) samples = []
      samples = [...samples.filter((sample) => atMs - sample.atMs <= WINDOW_MS), { atMs, slot }]
      const oldest = samples[0]
      if (oldest === undefined || atMs - oldest.atMs < WINDOW_MS / 4) return
      scale.value = slotsPerColumn(((slot - oldest.slot) * 1000) / (atMs - oldest.atMs))
    },
  )
  return readonly(scale)
}
