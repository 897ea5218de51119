import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { ConsoleEvent, ConsoleFault } from '../../core/api/contract.ts'
import type { SlotVotesView } from '../../core/api/views.ts'
import { bridge } from '../bridge.ts'
import { useConsoleEvent } from '../composables/useConsoleEvent.ts'

/** How many slots are held; what is older is asked for when someone scrolls back. */
export const SLOTS_MAX = 1000
/** What one question may ask for. */
const PAGE = 500

/** The newest slots of the cluster on the screen, with their votes. Newest first. */
export const useVotesStore = defineStore('votes', () => {
  const cluster = ref<string | null>(null)
  const live = shallowRef<readonly SlotVotesView[]>([])
  /** What is shown while the table stands still; `null` while it is live. */
  const frozen = shallowRef<readonly SlotVotesView[] | null>(null)
  const hydrated = ref(false)
  const fault = shallowRef<ConsoleFault | null>(null)
  /** What the host left out of its feed because it came too fast. */
  const dropped = ref(0)

  const slots = computed(() => frozen.value ?? live.value)
  /** Changes that came while an answer was awaited: they are newer than what it says. */
  let meanwhile: SlotVotesView[] = []

  /** Slots that went by unseen: holes among those held, as far as the host says that it left some out. */
  const missed = computed(() => {
    const [newest, oldest] = [live.value[0], live.value.at(-1)]
    if (newest === undefined || oldest === undefined) return 0
    return Math.min(dropped.value, newest.slot - oldest.slot + 1 - live.value.length)
  })
  const isPaused = computed(() => frozen.value !== null)
  const newer = computed(() => {
    const held = frozen.value?.[0]?.slot ?? 0
    return frozen.value === null ? 0 : live.value.filter(({ slot }) => slot > held).length
  })

  /** Shows another cluster, or the same one anew. */
  async function hydrate(id: string): Promise<void> {
    if (cluster.value !== id) {
      live.value = []
      frozen.value = null
      dropped.value = 0
    }
    cluster.value = id
    hydrated.value = false
    meanwhile = []
    const reply = await bridge.request('cluster.votes', { cluster: id, limit: PAGE })
    if (cluster.value !== id) return
    hydrated.value = true
    const changes = meanwhile
    meanwhile = []
    if (!reply.ok) {
      fault.value = reply.fault
      return
    }
    fault.value = null
    live.value = mergeSlots(mergeSlots(live.value, reply.value.slots), changes)
  }

  function apply(change: ConsoleEvent<'votes.changed'>): void {
    if (change.cluster !== cluster.value) return
    dropped.value += change.dropped
    if (!hydrated.value) meanwhile.push(...change.slots)
    live.value = mergeSlots(live.value, change.slots)
  }

  function pause(): void {
    frozen.value = live.value
  }

  function resume(): void {
    frozen.value = null
  }

  /**
   * Adds the slots before those that stand still, and lets go of the newest beyond the bound.
   *
   * @returns false when the host holds nothing older.
   */
  async function loadOlder(): Promise<boolean> {
    const held = frozen.value
    const id = cluster.value
    const slotBefore = held?.at(-1)?.slot
    if (held === null || id === null || slotBefore === undefined || slotBefore <= 1) return false
    const reply = await bridge.request('cluster.votes', { cluster: id, slotBefore, limit: PAGE })
    if (!reply.ok) {
      fault.value = reply.fault
      return false
    }
    if (frozen.value !== held || cluster.value !== id) return false
    frozen.value = [...held, ...reply.value.slots].slice(-SLOTS_MAX)
    return reply.value.slots.length > 0
  }

  useConsoleEvent('votes.changed', apply)

  return {
    cluster,
    live,
    frozen,
    hydrated,
    fault,
    dropped,
    missed,
    slots,
    isPaused,
    newer,
    hydrate,
    apply,
    pause,
    resume,
    loadOlder,
  }
})

/** Both lists newest first and without repeats, `changes` winning, bounded. */
export function mergeSlots(
  held: readonly SlotVotesView[],
  changes: readonly SlotVotesView[],
): readonly SlotVotesView[] {
  if (changes.length === 0) return held
  const bySlot = new Map(held.map((one) => [one.slot, one]))
  for (const change of changes) bySlot.set(change.slot, change)
  return [...bySlot.values()].sort((one, other) => other.slot - one.slot).slice(0, SLOTS_MAX)
}
