import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'

/** The one dialog that founds a cluster from a backup; it is opened from several screens. */
export const useRestoreDialogStore = defineStore('restore-dialog', () => {
  const isOpen = ref(false)
  /** On the host's computer; empty while none is known. */
  const file = ref('')

  /** What gets the focus when it closes; `null`: what had it when it opened. */
  const opener = shallowRef<HTMLElement | null>(null)

  /** With a file, or with the one named last. */
  function show(from: { readonly backup?: string; readonly opener?: HTMLElement | null } = {}): void {
    if (from.backup !== undefined) file.value = from.backup
    opener.value = from.opener ?? null
    isOpen.value = true
  }

  return { isOpen, file, opener, show }
})
