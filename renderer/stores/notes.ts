import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { ConsoleFault } from '../../core/api/contract.ts'
import type { NoteView } from '../../core/api/views.ts'
import { bridge } from '../bridge.ts'
import { useConsoleEvent } from '../composables/useConsoleEvent.ts'

export const NOTES_MAX = 200

/** What happened lately, newest first. */
export const useNotesStore = defineStore('notes', () => {
  const notes = shallowRef<readonly NoteView[]>([])
  const hydrated = ref(false)
  const fault = shallowRef<ConsoleFault | null>(null)

  async function hydrate(): Promise<void> {
    const reply = await bridge.request('host.notes', { limit: NOTES_MAX })
    hydrated.value = true
    fault.value = reply.ok ? null : reply.fault
    if (reply.ok) notes.value = reply.value.notes.slice(0, NOTES_MAX)
  }

  function apply(note: NoteView): void {
    if (notes.value.some(({ number }) => number === note.number)) return
    notes.value = [note, ...notes.value].sort((one, other) => other.number - one.number).slice(0, NOTES_MAX)
  }

  useConsoleEvent('note.added', apply)

  return { notes, hydrated, fault, hydrate, apply }
})
