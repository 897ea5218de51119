import type { InputVotesView, OutputView } from '../../core/api/views.ts'
import { text } from '../text.ts'

const SUMMARY_CHARACTERS_MAX = 160

/** One line for an Input: its operation, then its fields. `set key: "x", value: 1` */
export function inputSummary(input: unknown): string {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return cut(json(input))
  const { op, ...fields } = input as Record<string, unknown>
  const parts = Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  if (typeof op === 'string') return cut(parts.length === 0 ? op : `${op} ${parts.join(', ')}`)
  return cut(JSON.stringify(input))
}

/** One line for an Output: its value, or the code of its refusal. */
export function outputSummary(output: OutputView): string {
  return output.ok ? cut(json(output.value)) : output.error.code
}

/** Words in place of an Input for what goes to the replicas and to no machine; `null` for an Input or a read. */
export function orderOf(kind: InputVotesView['kind']): { readonly name: string; readonly gloss: string } | null {
  return kind === 'checkpoint' || kind === 'audit' ? text.orders[kind] : null
}

/** Indented JSON for reading. */
export function jsonPretty(value: unknown): string {
  return json(value, 2)
}

/** IPC can carry `undefined`, which JSON has no word for. */
function json(value: unknown, indent?: number): string {
  return value === undefined ? 'null' : JSON.stringify(value, null, indent)
}

function cut(line: string): string {
  return line.length > SUMMARY_CHARACTERS_MAX ? `${line.slice(0, SUMMARY_CHARACTERS_MAX)}…` : line
}
