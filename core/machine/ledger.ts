import * as v from 'valibot'
import { unreachable } from '../base/assert.ts'
import type { CanonicalValue } from '../model/canonical.ts'
import type { Output } from '../model/output.ts'
import { accepted, rejected } from '../model/output.ts'
import { inputFault, operation, quoted, textSchema, unknownOperation, wholeSchema } from './input-words.ts'
import type { Machine, MachineState } from './machine.ts'

const NAME = 'ledger'
const ACCOUNT_BYTES_MAX = 128
const LIST_ACCOUNTS_DEFAULT = 100
const LIST_ACCOUNTS_MAX = 1000

/*
 * In the State:
 *   account/<name>    the balance
 *   accounts          how many accounts there are
 *   total             the sum of all balances
 */
const ACCOUNT = 'account/'
const ACCOUNT_END = 'account0'
const ACCOUNTS = 'accounts'
const TOTAL = 'total'

const accountSchema = textSchema(1, ACCOUNT_BYTES_MAX, 'Name of the account, 1 to 128 bytes.')
const amountSchema = wholeSchema(1, Number.MAX_SAFE_INTEGER, 'A whole amount, in the smallest unit of the currency.')

const openSchema = operation('open', { account: accountSchema })
const depositSchema = operation('deposit', { account: accountSchema, amount: amountSchema })
const withdrawSchema = operation('withdraw', { account: accountSchema, amount: amountSchema })
const transferSchema = operation('transfer', { from: accountSchema, to: accountSchema, amount: amountSchema })
const balanceSchema = operation('balance', { account: accountSchema })
const listSchema = operation('list', {
  limit: v.exactOptional(wholeSchema(1, LIST_ACCOUNTS_MAX, 'At most so many accounts; 100 when left out.')),
  after: v.exactOptional(textSchema(0, ACCOUNT_BYTES_MAX, 'Only accounts after this name.')),
})
const totalSchema = operation('total', {})

const inputSchema = v.variant(
  'op',
  [openSchema, depositSchema, withdrawSchema, transferSchema, balanceSchema, listSchema, totalSchema],
  unknownOperation(['open', 'deposit', 'withdraw', 'transfer', 'balance', 'list', 'total']),
)

type Transfer = v.InferOutput<typeof transferSchema>
type List = v.InferOutput<typeof listSchema>

/**
 * Accounts in whole amounts. No balance is ever negative, and the sum of all balances stays a safe integer, so every
 * balance does; a transfer never changes the sum.
 *
 * Outputs: open, deposit, withdraw and balance `{ account, balance }`; transfer `{ from, to }` with one of these
 * each; list `{ accounts, next }`, where `next` is the `after` to go on with, or null at the end; total
 * `{ total, accounts }` with the number of accounts.
 * Refusals: 'account-unknown', 'account-exists', 'same-account', 'overdraft', 'amount-too-large'.
 */
export const ledger: Machine = {
  name: NAME,
  title: 'Ledger',
  description:
    'Accounts with whole amounts: open, deposit, withdraw, transfer. Never an overdraft, and a transfer keeps the total.',
  inputSchema,
  examples: [
    { title: 'Open an account', input: { op: 'open', account: 'ada' } },
    { title: 'Deposit', input: { op: 'deposit', account: 'ada', amount: 1000 } },
    { title: 'Transfer', input: { op: 'transfer', from: 'ada', to: 'grace', amount: 250 } },
    { title: 'Withdraw', input: { op: 'withdraw', account: 'ada', amount: 100 } },
    { title: 'Ask for a balance', input: { op: 'balance', account: 'ada' } },
    { title: 'List accounts', input: { op: 'list', limit: 20 } },
    { title: 'Ask for the total', input: { op: 'total' } },
  ],
  reads: ['balance', 'list', 'total'],
  apply,
}

function apply(state: MachineState, input: CanonicalValue): Output {
  const parsed = v.safeParse(inputSchema, input, { abortEarly: true })
  if (!parsed.success) return rejected('input-invalid', inputFault(NAME, input, parsed.issues[0]))
  const request = parsed.output
  switch (request.op) {
    case 'open':
      return open(state, request.account)
    case 'deposit':
      return deposit(state, request.account, request.amount)
    case 'withdraw':
      return withdraw(state, request.account, request.amount)
    case 'transfer':
      return transfer(state, request)
    case 'balance': {
      const balance = balanceOf(state, request.account)
      return balance === undefined ? unknownAccount(request.account) : accepted({ account: request.account, balance })
    }
    case 'list':
      return list(state, request)
    case 'total':
      return accepted({ total: numberAt(state, TOTAL) ?? 0, accounts: numberAt(state, ACCOUNTS) ?? 0 })
    default:
      return unreachable(request)
  }
}

function open(state: MachineState, account: string): Output {
  if (balanceOf(state, account) !== undefined) {
    return rejected('account-exists', `the account ${quoted(account)} is open already`)
  }
  state.set(ACCOUNT + account, 0)
  state.set(ACCOUNTS, (numberAt(state, ACCOUNTS) ?? 0) + 1)
  return accepted({ account, balance: 0 })
}

function deposit(state: MachineState, account: string, amount: number): Output {
  const before = balanceOf(state, account)
  if (before === undefined) return unknownAccount(account)
  const total = (numberAt(state, TOTAL) ?? 0) + amount
  if (!Number.isSafeInteger(total)) {
    return rejected(
      'amount-too-large',
      'the sum of all balances would pass 2^53 - 1, where amounts are no longer exact',
    )
  }
  const balance = before + amount
  state.set(ACCOUNT + account, balance)
  state.set(TOTAL, total)
  return accepted({ account, balance })
}

function withdraw(state: MachineState, account: string, amount: number): Output {
  const before = balanceOf(state, account)
  if (before === undefined) return unknownAccount(account)
  if (amount > before) return overdraft(account, before, amount)
  const balance = before - amount
  state.set(ACCOUNT + account, balance)
  state.set(TOTAL, (numberAt(state, TOTAL) ?? 0) - amount)
  return accepted({ account, balance })
}

function transfer(state: MachineState, { from, to, amount }: Transfer): Output {
  const fromBefore = balanceOf(state, from)
  if (fromBefore === undefined) return unknownAccount(from)
  if (from === to) return rejected('same-account', `the account ${quoted(from)} cannot transfer to itself`)
  const toBefore = balanceOf(state, to)
  if (toBefore === undefined) return unknownAccount(to)
  if (amount > fromBefore) return overdraft(from, fromBefore, amount)
  state.set(ACCOUNT + from, fromBefore - amount)
  state.set(ACCOUNT + to, toBefore + amount)
  return accepted({
    from: { account: from, balance: fromBefore - amount },
    to: { account: to, balance: toBefore + amount },
  })
}

function list(state: MachineState, { limit = LIST_ACCOUNTS_DEFAULT, after }: List): Output {
  const accounts: { readonly account: string; readonly balance: number }[] = []
  for (const [key, balance] of state.scan({ from: ACCOUNT + (after ?? ''), to: ACCOUNT_END })) {
    const account = key.slice(ACCOUNT.length)
    if (account === after || typeof balance !== 'number') continue
    if (accounts.length === limit) return accepted({ accounts, next: accounts.at(-1)?.account ?? null })
    accounts.push({ account, balance })
  }
  return accepted({ accounts, next: null })
}

function balanceOf(state: MachineState, account: string): number | undefined {
  return numberAt(state, ACCOUNT + account)
}

function numberAt(state: MachineState, key: string): number | undefined {
  const value = state.get(key)
  return typeof value === 'number' ? value : undefined
}

function unknownAccount(account: string): Output {
  return rejected('account-unknown', `there is no account ${quoted(account)}`)
}

function overdraft(account: string, balance: number, amount: number): Output {
  return rejected('overdraft', `the account ${quoted(account)} holds ${balance}, which is less than ${amount}`)
}
