import { setFlagsFromString } from 'node:v8'

/**
 * How far the heap may grow past what was alive after a collection, before the next one. V8's own measure lets it
 * double and more: what a replica keeps for a few seconds (batches, Outputs, votes) dies old, and the process would be
 * mostly garbage. Unit: percent.
 */
const HEAP_GROWTH_PERCENT = 50

/** Bounds what this process takes beyond what it holds. V8 reads the flag at each collection, so it may come late. */
export function boundMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
}
