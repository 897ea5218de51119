import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { jsonPretty } from '../formatting/input.ts'
import { draftOfInput, inputOfDraft, operationOf, operationsOf, readJson, type Draft } from '../schema/operations.ts'
import { validate, type SchemaProblem } from '../schema/validate.ts'
import { text } from '../text.ts'
import { useHostStore } from './host.ts'

export type ComposeMode = 'form' | 'raw'

interface Written {
  readonly input: unknown
  /** By field: what was typed that cannot be read. */
  readonly unreadable: ReadonlyMap<string, string>
  readonly notJson: string | null
}

/** The Input being written: by a form drawn from the machine's schema, or as JSON. Kept while other screens are shown. */
export const useComposerStore = defineStore('composer', () => {
  const host = useHostStore()
  const machineName = ref<string | null>(null)
  const mode = ref<ComposeMode>('form')
  const opName = ref<string | null>(null)
  const draft = ref<Draft>({})
  const raw = ref('')

  const machine = computed(
    () => host.machines.find(({ name }) => name === machineName.value) ?? host.machines[0] ?? null,
  )
  const operations = computed(() => operationsOf(machine.value?.inputSchema))
  const operation = computed(
    () => operations.value.find(({ op }) => op === opName.value) ?? operations.value[0] ?? null,
  )
  /** A machine whose schema is no union by `op` is spoken to in JSON only. */
  const modeShown = computed<ComposeMode>(() => (operation.value === null ? 'raw' : mode.value))

  const written = computed<Written>(() => {
    if (modeShown.value === 'form' && operation.value !== null) {
      return { ...inputOfDraft(operation.value, draft.value), notJson: null }
    }
    const read = readJson(raw.value)
    const unreadable = new Map<string, string>()
    return read.ok
      ? { input: read.value, unreadable, notJson: null }
      : { input: undefined, unreadable, notJson: text.submit.notJson(read.problem) }
  })
  const input = computed(() => written.value.input)

  /** What keeps the Input from being sent, the JSON's own fault first. */
  const problems = computed<readonly SchemaProblem[]>(() => {
    const { notJson, unreadable } = written.value
    if (notJson !== null) return [{ path: [], message: notJson }]
    const unread = [...unreadable.keys()].map((name) => ({ path: [name], message: text.schema.json }))
    const checked = validate(machine.value?.inputSchema, input.value)
    return [...unread, ...checked.filter(({ path }) => !unreadable.has(path[0] ?? ''))]
  })
  const isRead = computed(() => {
    const op = operationName(input.value)
    return op !== null && (machine.value?.reads.includes(op) ?? false)
  })

  function selectMachine(name: string): void {
    if (name === machine.value?.name) return
    machineName.value = name
    opName.value = null
    draft.value = {}
    const first = machine.value?.examples[0]
    raw.value = first === undefined ? '' : jsonPretty(first.input)
  }

  /** Fields of one name keep what was typed, so that `get` follows `set` on the same key. */
  function selectOperation(op: string): void {
    opName.value = op
  }

  function setField(name: string, typed: string | null): void {
    const { [name]: _, ...others } = draft.value
    draft.value = typed === null ? others : { ...others, [name]: typed }
  }

  function setRaw(typed: string): void {
    raw.value = typed
  }

  /** Carries what was written from one way of writing to the other, as far as it can be read. */
  function setMode(next: ComposeMode): void {
    if (next === modeShown.value) return
    if (next === 'raw') raw.value = jsonPretty(input.value)
    else fillForm(input.value)
    mode.value = next
  }

  /** Takes an example, or what was sent before. */
  function use(given: unknown): void {
    raw.value = jsonPretty(given)
    fillForm(given)
    if (operationOf(operations.value, given) === null) mode.value = 'raw'
  }

  function fillForm(given: unknown): void {
    const found = operationOf(operations.value, given)
    if (found === null) return
    opName.value = found.op
    draft.value = draftOfInput(found, given)
  }

  return {
    machineName,
    mode,
    opName,
    draft,
    raw,
    machine,
    operations,
    operation,
    modeShown,
    written,
    input,
    problems,
    isRead,
    selectMachine,
    selectOperation,
    setField,
    setRaw,
    setMode,
    use,
  }
})

function operationName(input: unknown): string | null {
  if (typeof input !== 'object' || input === null || !('op' in input)) return null
  return typeof input.op === 'string' ? input.op : null
}
