import { ref, watch, type Ref } from 'vue'

/** A choice remembered on this computer; what was stored and is no longer a choice falls back to the first. */
export function useStored<Choice extends string>(
  key: string,
  choices: readonly [Choice, ...(readonly Choice[])],
): Ref<Choice> {
  const stored = window.localStorage.getItem(key)
  const choice = ref(choices.find((one) => one === stored) ?? choices[0]) as Ref<Choice>
  watch(choice, (value) => window.localStorage.setItem(key, value))
  return choice
}
