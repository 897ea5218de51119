import { describe, expect, it } from 'vitest'
import type { KvInput, KvOutput } from './models/kv.ts'
import { kv } from './models/kv.ts'
import { HistoryRecorder } from './recorder.ts'
import { describeKv, reportPrefix } from './report.ts'
import { shortestOffendingPrefix } from './shortest-prefix.ts'

describe('the report on an offending prefix', () => {
  const recorder = new HistoryRecorder<KvInput, KvOutput>()
  recorder
    .invoke('a', { op: 'set', key: 'k', value: 'x'.repeat(200) })
    .ok({ kind: 'accepted', value: { existed: false } })
  recorder.invoke('b', { op: 'increment', key: 'k', by: 2 }).ok({ kind: 'rejected', code: 'not-an-integer' })
  recorder.invoke('c', { op: 'get', key: 'other' }).ok({ kind: 'accepted', value: { value: null, found: false } })
  recorder.invoke('longer', { op: 'compare-and-set', key: 'k', expected: null, value: 1 }).info()
  recorder.invoke('b', { op: 'get', key: 'k' }).ok({ kind: 'accepted', value: { value: null, found: false } })
  recorder.invoke('b', { op: 'get', key: 'k' }).ok({ kind: 'accepted', value: { value: null, found: false } })
  const prefix = shortestOffendingPrefix(kv, recorder.history())

  it('names the key, ends with what nothing explains, and cuts long values in their middle', () => {
    if (prefix === undefined) throw new Error('the history is wrong')
    const lines = reportPrefix(prefix, { describe: describeKv, unit: 'event', operationsMax: 10 })
    expect(lines).toEqual([
      'shortest offending prefix: 4 operations of key "k", up to event 9: ' +
        'nothing explains get "k" -> {"value":null,"found":false} by process b',
      `  events 1-2  process      a  set "k" "${'x'.repeat(33)}...${'x'.repeat(34)}" -> {"existed":false}`,
      '  events 3-4  process      b  increment "k" 2 -> rejected: not-an-integer',
      '  events 7-   process longer  compare-and-set "k" nil 1  (in doubt)',
      '  events 8-9  process      b  get "k" -> {"value":null,"found":false}',
    ])
  })

  it('shows no more operations than asked for', () => {
    if (prefix === undefined) throw new Error('the history is wrong')
    const lines = reportPrefix(prefix, { describe: describeKv, unit: 'event', operationsMax: 1 })
    expect(lines.slice(1)).toEqual([
      '  (3 called earlier)',
      '  events 8-9  process b  get "k" -> {"value":null,"found":false}',
    ])
  })
})
