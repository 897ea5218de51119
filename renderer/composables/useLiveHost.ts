import { watch } from 'vue'
import { useConnectionStore } from '../stores/connection.ts'
import { useHostStore } from '../stores/host.ts'
import { useNotesStore } from '../stores/notes.ts'
import { useVotesStore } from '../stores/votes.ts'

/** Asks for everything shown, each time the host is reached and each time another cluster comes on the screen. */
export function useLiveHost(): void {
  const connection = useConnectionStore()
  const host = useHostStore()
  const notes = useNotesStore()
  const votes = useVotesStore()

  watch(
    () => connection.openings,
    (openings) => {
      if (openings === 0) return
      void host.hydrate(true)
      void notes.hydrate()
    },
    { immediate: true },
  )
  watch(
    [() => connection.openings, () => host.cluster?.id],
    ([openings, id]) => {
      if (openings > 0 && id !== undefined) void votes.hydrate(id)
    },
    { immediate: true },
  )
}
