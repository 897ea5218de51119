import { encode } from 'cborg'
import { describe, expect, it } from 'vitest'
import { clientId, sequence } from '../../../core/model/ids.ts'
import { Lan } from '../../support/lan.ts'
import { a, b, c, three } from '../../support/members.ts'

const members = [a, b, c]

/** A list in a list, and so on. */
function nested(depth: number): Uint8Array {
  return new Uint8Array(depth).fill(0x81).with(depth - 1, 0x80)
}

describe('an Input forwarded with a payload that no client’s host would send', () => {
  it.each([
    ['a number larger than any other', encode({ op: 'set', key: 'k', value: 2n ** 63n })],
    ['a list nested without end', nested(100_000)],
    ['bytes that are no encoding', Uint8Array.of(0xff)],
  ])('%s, is refused by every member alike, and the next one is executed', (_, payload) => {
    const lan = new Lan(three)
    const leader = lan.elect()
    const [bad = leader] = members.filter((id) => id !== leader)
    const input = { kind: 'input', client: clientId('eve'), sequence: sequence(1), machine: 'kv', payload } as const
    const message = { kind: 'forward' as const, relayed: false, inputs: [{ ...input, proxy: leader }] }
    lan.step(leader, { kind: 'message', from: bad, message })
    lan.pass(200)
    const [slot] = lan.replica(leader).recentVotes({ limit: 1 }).slots
    expect(slot?.inputs[0]?.output).toMatchObject({ ok: false })
    expect(slot?.inputs[0]?.votes.map(({ sign }) => sign)).toEqual(['agrees', 'agrees', 'agrees'])
    const request = lan.submit(leader, { value: { op: 'set', key: 'k', value: 1 } })
    lan.pass(200)
    expect(lan.reply(request)).toMatchObject({ kind: 'output', output: { ok: true } })
    expect(new Set(members.map((id) => lan.replica(id).stateRoot())).size).toBe(1)
  })
})
