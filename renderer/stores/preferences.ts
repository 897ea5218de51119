import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, watchEffect } from 'vue'
import { useStored } from '../composables/useStored.ts'

/** What a person chose for this computer: the theme, the rail, the inspector. */
export const usePreferencesStore = defineStore('preferences', () => {
  const theme = useStored('synod.theme', ['system', 'light', 'dark'])
  const rail = useStored('synod.rail', ['wide', 'narrow'])
  const inspector = useStored('synod.inspector', ['free', 'pinned'])

  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  const systemDark = ref(dark.matches)
  const follow = (event: MediaQueryListEvent): void => {
    systemDark.value = event.matches
  }
  dark.addEventListener('change', follow)
  onScopeDispose(() => dark.removeEventListener('change', follow))

  const themeShown = computed(() => (theme.value === 'system' ? (systemDark.value ? 'dark' : 'light') : theme.value))
  // Before anything that reads colours off the page, such as the tape, is told of the change.
  watchEffect(() => document.documentElement.setAttribute('data-theme', themeShown.value), { flush: 'sync' })

  return { theme, rail, inspector, systemDark, themeShown }
})
