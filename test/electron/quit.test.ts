import { describe, expect, it } from 'vitest'
import { closeWithin } from '../../electron/quit.ts'

function collect() {
  const errors: unknown[] = []
  return { errors, onError: (error: unknown) => errors.push(error) }
}

describe('closing before the application ends', () => {
  it('waits for what closes', async () => {
    const { errors, onError } = collect()
    let closed = false
    const close = async (): Promise<void> => {
      await Promise.resolve()
      closed = true
    }
    expect(await closeWithin(close, { timeoutMs: 60_000, onError })).toBe(true)
    expect({ closed, errors }).toEqual({ closed: true, errors: [] })
  })

  it('goes on without what does not end', async () => {
    const { errors, onError } = collect()
    const never = Promise.withResolvers<undefined>().promise
    expect(await closeWithin(() => never, { timeoutMs: 20, onError })).toBe(false)
    expect(errors).toEqual([])
  })

  it('tells what went wrong', async () => {
    const { errors, onError } = collect()
    const broken = new Error('disk full')
    expect(await closeWithin(() => Promise.reject(broken), { timeoutMs: 60_000, onError })).toBe(false)
    expect(errors).toEqual([broken])
  })
})
