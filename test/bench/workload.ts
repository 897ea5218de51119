import { setTimeout as sleep } from 'node:timers/promises'
import { createPrng } from '../../core/base/prng.ts'
import type { Prng } from '../../core/base/prng.ts'
import { watchProcessorTime } from './processor-time.ts'
import { percentile } from './statistics.ts'
import type { CellOrder, Measured, Target } from './target.ts'
import { KEYS, VALUE_BYTES, keyOf } from './target.ts'

/** Unit: ms. What was begun in a cell must be answered so long after it, or the run is given up. */
const ANSWERS_MS_MAX = 30_000
/** Unit: ms. A client that was refused waits so long before it asks again. */
const REFUSED_MS = 10
const FILL_CLIENTS = 128
const VALUES = 64

const keys = Array.from({ length: KEYS }, (_, number) => keyOf(number))

/** Different values, made beforehand: to make them must not cost the clients. */
const values = ((prng: Prng) =>
  Array.from({ length: VALUES }, () =>
    Array.from({ length: VALUE_BYTES }, () => prng.between(0, 35).toString(36)).join(''),
  ))(createPrng(1))

/** Gives every key a value. @throws Error when a put is not answered with success. */
export async function fill(target: Target): Promise<void> {
  let next = 0
  const client = async (number: number): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      await target.put(number, key, values[next % VALUES] ?? '')
    }
  }
  await Promise.all(Array.from({ length: FILL_CLIENTS }, (_, number) => client(number)))
}

/** Closed loop: each client asks, waits for the answer, asks again. */
export async function measure(target: Target, order: CellOrder): Promise<Measured> {
  const prng = createPrng(order.clients)
  const fromMs = performance.now() + order.warmupMs
  const toMs = fromMs + order.measuredMs
  const latenciesMs: number[] = []
  let errors = 0
  let firstError: string | undefined
  const client = async (number: number): Promise<void> => {
    for (let startedMs = performance.now(); startedMs < toMs; startedMs = performance.now()) {
      try {
        await ask(target, { operation: order.operation, client: number, prng })
        const endedMs = performance.now()
        if (endedMs >= fromMs && endedMs < toMs) latenciesMs.push(endedMs - startedMs)
      } catch (error) {
        errors += 1
        firstError ??= String(error)
        await sleep(REFUSED_MS)
      }
    }
  }
  const clients = Promise.all(Array.from({ length: order.clients }, (_, number) => client(number)))
  await sleep(order.warmupMs)
  const usedSince = watchProcessorTime(order.serverPids)
  await sleep(order.measuredMs)
  const cores = usedSince()
  await within(ANSWERS_MS_MAX, clients, 'requests of a cell were never answered')
  const sorted = Float64Array.from(latenciesMs).sort()
  return {
    perSecond: sorted.length / (order.measuredMs / 1000),
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    operations: sorted.length,
    errors,
    firstError,
    cores,
  }
}

async function ask(
  target: Target,
  {
    operation,
    client,
    prng,
  }: { readonly operation: CellOrder['operation']; readonly client: number; readonly prng: Prng },
): Promise<void> {
  const key = keys[prng.between(0, KEYS - 1)] ?? ''
  if (operation === 'put') {
    await target.put(client, key, values[prng.between(0, VALUES - 1)] ?? '')
    return
  }
  const value = await target.get(client, key)
  if (typeof value !== 'string' || value.length !== VALUE_BYTES) throw new Error(`${key} holds ${typeof value}`)
}

/** @throws Error with `what` when it takes longer. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  const ended = new AbortController()
  const late = sleep(ms, undefined, { signal: ended.signal }).then(() => {
    throw new Error(`${what} (waited ${ms / 1000} s)`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    late.catch(() => undefined)
    ended.abort()
  }
}
