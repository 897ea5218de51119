import { describe, expect, it } from 'vitest'
import type { Prng } from '../../../core/base/prng.ts'
import { createPrng } from '../../../core/base/prng.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { decodeCanonical, encodeCanonical } from '../../../core/model/canonical.ts'
import { rejected } from '../../../core/model/output.ts'
import { ledger } from '../../../core/machine/ledger.ts'
import type { Playground } from './playground.ts'
import { playground } from './playground.ts'

const MOST = Number.MAX_SAFE_INTEGER

describe('ledger', () => {
  it('opens accounts, takes deposits, and moves money between them', () => {
    const { ask } = opened('ada', 'grace')
    expect(ask({ op: 'deposit', account: 'ada', amount: 1000 })).toEqual({ account: 'ada', balance: 1000 })
    expect(ask({ op: 'transfer', from: 'ada', to: 'grace', amount: 250 })).toEqual({
      from: { account: 'ada', balance: 750 },
      to: { account: 'grace', balance: 250 },
    })
    expect(ask({ op: 'withdraw', account: 'grace', amount: 250 })).toEqual({ account: 'grace', balance: 0 })
    expect(ask({ op: 'balance', account: 'ada' })).toEqual({ account: 'ada', balance: 750 })
    expect(ask({ op: 'total' })).toEqual({ total: 750, accounts: 2 })
  })

  it('starts empty', () => {
    const { ask } = playground(ledger)
    expect(ask({ op: 'total' })).toEqual({ total: 0, accounts: 0 })
    expect(ask({ op: 'list' })).toEqual({ accounts: [], next: null })
  })

  it('refuses what an account does not hold, to the last unit', () => {
    const { apply, ask } = opened('ada', 'grace')
    ask({ op: 'deposit', account: 'ada', amount: 10 })
    const overdraft = rejected('overdraft', 'the account "ada" holds 10, which is less than 11')
    expect(apply({ op: 'withdraw', account: 'ada', amount: 11 })).toEqual(overdraft)
    expect(apply({ op: 'transfer', from: 'ada', to: 'grace', amount: 11 })).toEqual(overdraft)
    expect(ask({ op: 'withdraw', account: 'ada', amount: 10 })).toEqual({ account: 'ada', balance: 0 })
  })

  it('refuses an account that is not open, and opening one twice', () => {
    const { apply, ask } = opened('ada')
    ask({ op: 'deposit', account: 'ada', amount: 10 })
    for (const input of [
      { op: 'deposit', account: 'bob', amount: 1 },
      { op: 'withdraw', account: 'bob', amount: 1 },
      { op: 'transfer', from: 'ada', to: 'bob', amount: 1 },
      { op: 'transfer', from: 'bob', to: 'ada', amount: 1 },
      { op: 'transfer', from: 'bob', to: 'bob', amount: 1 },
      { op: 'balance', account: 'bob' },
    ]) {
      expect(apply(input)).toEqual(rejected('account-unknown', 'there is no account "bob"'))
    }
    expect(apply({ op: 'open', account: 'ada' })).toEqual(
      rejected('account-exists', 'the account "ada" is open already'),
    )
    expect(ask({ op: 'balance', account: 'ada' })).toEqual({ account: 'ada', balance: 10 })
  })

  it('refuses a transfer of an account to itself', () => {
    const { apply } = opened('ada')
    expect(apply({ op: 'transfer', from: 'ada', to: 'ada', amount: 1 })).toMatchObject({
      ok: false,
      error: { code: 'same-account' },
    })
  })

  it('keeps the sum of all balances where whole numbers are exact', () => {
    const { apply, ask } = opened('ada', 'grace')
    ask({ op: 'deposit', account: 'ada', amount: MOST })
    for (const account of ['ada', 'grace']) {
      expect(apply({ op: 'deposit', account, amount: 1 })).toMatchObject({
        ok: false,
        error: { code: 'amount-too-large' },
      })
    }
    expect(ask({ op: 'transfer', from: 'ada', to: 'grace', amount: MOST })).toMatchObject({ to: { balance: MOST } })
    expect(ask({ op: 'total' })).toEqual({ total: MOST, accounts: 2 })
  })

  it('lists accounts in order and says where to go on', () => {
    const names = Array.from({ length: 250 }, (_, index) => `n${String(index).padStart(3, '0')}`)
    const { ask } = opened(...names.toReversed())
    expect(ask({ op: 'list', limit: 2 })).toEqual({
      accounts: [
        { account: 'n000', balance: 0 },
        { account: 'n001', balance: 0 },
      ],
      next: 'n001',
    })
    const collected: string[] = []
    let after: string | null = ''
    while (after !== null) {
      const page = ask({ op: 'list', after }) as { accounts: { account: string }[]; next: string | null }
      collected.push(...page.accounts.map(({ account }) => account))
      after = page.next
    }
    expect(collected).toEqual(names)
  })

  it.each([0, -1, 1.5, MOST + 1, '5', null])('refuses the amount %j', (amount) => {
    const { apply } = opened('ada')
    expect(apply({ op: 'deposit', account: 'ada', amount })).toEqual(
      rejected('input-invalid', 'ledger deposit: amount must be a whole number from 1 up, at most 2^53 - 1'),
    )
  })

  it.each([1, 2, 3, 4])('keeps the total through any transfers, and no balance negative (seed %i)', (seed) => {
    const prng = createPrng(seed)
    const accounts = Array.from({ length: 12 }, (_, index) => `account ${index}`)
    const { apply, ask } = opened(...accounts)
    let total = 0
    for (const account of accounts) {
      const amount = prng.between(1, 1000)
      ask({ op: 'deposit', account, amount })
      total += amount
    }
    let moved = 0
    for (let step = 0; step < 3000; step += 1) {
      const output = apply(randomTransfer(prng))
      if (output.ok) moved += 1
      if (step % 50 === 0)
        expect([ask({ op: 'total' }), sumOf(ask({ op: 'list' }))]).toEqual([{ total, accounts: 12 }, total])
    }
    expect(moved).toBeGreaterThan(500)
    expect(sumOf(ask({ op: 'list' }))).toBe(total)
  })

  it.each([1, 2, 3])('the same inputs give the same State and the same Outputs (seed %i)', (seed) => {
    const [left, right] = [playground(ledger), playground(ledger)]
    const prng = createPrng(seed)
    for (let step = 0; step < 3000; step += 1) {
      const input = randomInput(prng)
      const output = encodeCanonical(left.apply(input))
      expect(encodeCanonical(right.apply(decodeCanonical(encodeCanonical(input))))).toEqual(output)
    }
    expect(left.state.root()).toBe(right.state.scrub())
    const { total } = left.ask({ op: 'total' }) as { total: number }
    expect(sumOf(left.ask({ op: 'list' }))).toBe(total)
    expect(total).toBeGreaterThan(0)
  })
})

function opened(...accounts: readonly string[]): Playground {
  const ground = playground(ledger)
  for (const account of accounts) ground.ask({ op: 'open', account })
  return ground
}

function randomTransfer(prng: Prng): CanonicalValue {
  const name = (): string => `account ${prng.between(0, 12)}`
  return { op: 'transfer', from: name(), to: name(), amount: prng.between(0, 400) }
}

function randomInput(prng: Prng): CanonicalValue {
  const account = `account ${prng.between(0, 9)}`
  switch (prng.between(0, 5)) {
    case 0:
      return { op: 'open', account }
    case 1:
      return { op: 'deposit', account, amount: prng.between(0, 100) }
    case 2:
      return { op: 'withdraw', account, amount: prng.between(1, 100) }
    case 3:
      return { op: 'balance', account }
    case 4:
      return { op: 'list', after: account, limit: prng.between(1, 5) }
    default:
      return randomTransfer(prng)
  }
}

function sumOf(list: CanonicalValue): number {
  const { accounts } = list as { readonly accounts: readonly { readonly balance: number }[] }
  expect(accounts.filter(({ balance }) => balance < 0)).toEqual([])
  return accounts.reduce((sum, { balance }) => sum + balance, 0)
}
