import { describe, expect, it } from 'vitest'
import { builtInMachines, createRegistry } from '../../../core/machine/registry.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { RefusedError } from '../../../core/supervisor/errors.ts'
import { Notes } from '../../../core/supervisor/notes.ts'
import { prepareRead, prepareSubmit } from '../../../core/supervisor/requests.ts'

const door = { registry: createRegistry(builtInMachines), bytesMax: 64 }
const set = { op: 'set', key: 'k', value: 1 }
const submit = (changes: object = {}) =>
  prepareSubmit({ client: 'alice', sequence: 1, machine: 'kv', input: set, ...changes }, door)
const read = (changes: object = {}) => prepareRead({ machine: 'kv', input: { op: 'get', key: 'k' }, ...changes }, door)
const refusal = (prepare: () => unknown): string => {
  try {
    prepare()
    return 'ok'
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error
    return `${error.code}: ${error.message}`
  }
}

describe('an Input at the door', () => {
  it('is made ready to be ordered, with five seconds to be answered in unless it says otherwise', () => {
    expect(submit()).toEqual({
      kind: 'submit',
      client: 'alice',
      sequence: 1,
      machine: 'kv',
      payload: encodeCanonical(set),
      timeoutMs: 5_000,
    })
    expect(submit({ timeoutMs: 100 }).timeoutMs).toBe(100)
    expect([submit({ proof: true }).proof, submit({ proof: false }).proof]).toEqual([true, undefined])
  })

  it.each([
    [
      'in one of the cluster’s own names',
      { client: '~read/1' },
      'INPUT_REFUSED: A client name does not begin with "~": those names are the cluster\'s own.',
    ],
    [
      'for a machine nobody knows',
      { machine: 'nope' },
      'INPUT_REFUSED: unknown machine "nope"; expected one of kv, ledger',
    ],
    [
      'that its machine does not understand',
      { input: { op: 'fly' } },
      'INPUT_REFUSED: kv: unknown op "fly"; expected one of get, set, delete, compare-and-set, increment, scan',
    ],
    [
      'that has no canonical form',
      { input: { ...set, value: Number.NaN } },
      'INPUT_REFUSED: kv: /value is not a finite number',
    ],
    [
      'that is too large',
      { input: { ...set, value: 'x'.repeat(64) } },
      `INPUT_TOO_LARGE: The Input has ${encodeCanonical({ ...set, value: 'x'.repeat(64) }).length} bytes; at most 64 are allowed. Nothing was ordered.`,
    ],
  ])('%s is refused with what was expected', (_, changes, expected) => {
    expect(refusal(() => submit(changes))).toBe(expected)
  })

  it('of a client whose name is no Unicode is refused: on its way it would become another client’s', () => {
    expect(refusal(() => submit({ client: 'alice\ud800' }))).toMatch(/^INPUT_REFUSED: /)
  })

  it('of the largest size allowed is taken', () => {
    const value = 'x'.repeat(64 - encodeCanonical({ ...set, value: 'xxxxxxxxxxxxxxxxxxxxxxxx' }).length + 24)
    expect(submit({ input: { ...set, value } }).payload.length).toBe(64)
    expect(refusal(() => submit({ input: { ...set, value: `${value}x` } }))).toMatch(/^INPUT_TOO_LARGE: /)
  })
})

describe('a read at the door', () => {
  it('is linearizable unless it says otherwise', () => {
    expect([read().consistency, read({ consistency: 'stale' }).consistency, read().timeoutMs]).toEqual([
      'linearizable',
      'stale',
      5_000,
    ])
  })

  it('may ask for a proof, but not of one replica’s word', () => {
    expect([read({ proof: true }).proof, read().proof]).toEqual([true, undefined])
    expect(refusal(() => read({ proof: true, consistency: 'stale' }))).toMatch(/^INVALID_ARGUMENT: A stale read/)
  })

  it('that would change something is refused', () => {
    expect(refusal(() => read({ input: set }))).toBe(
      'INPUT_REFUSED: kv set: changes the State, so it cannot be asked as a read; reads are get, scan',
    )
  })
})

describe('the notes', () => {
  const note = (text: string) => ({ timeMs: 1, cluster: 'x', level: 'good', text }) as const

  it('are numbered as they come and told newest first', () => {
    const notes = new Notes()
    for (const text of ['one', 'two', 'three']) notes.add(note(text))
    expect(notes.newest(2)).toEqual([
      { number: 3, ...note('three') },
      { number: 2, ...note('two') },
    ])
  })

  it('are bounded: the oldest are forgotten, and no number is used again', () => {
    const notes = new Notes()
    for (let count = 0; count < 1_234; count += 1) notes.add(note(`${count}`))
    const numbers = notes.newest(10_000).map(({ number }) => number)
    expect(numbers).toEqual(Array.from({ length: 500 }, (_, index) => 1_234 - index))
  })
})
