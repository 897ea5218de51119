import type { OutputView } from '../../core/api/views.ts'

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
