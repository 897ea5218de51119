import { describe, expect, it } from 'vitest'
import { readEdn } from './edn.ts'
import { parseEdn } from './parse-edn.ts'
import { parseRegister } from './parse-register.ts'

describe('the log of a register', () => {
  it('is read with or without the name of the logger, by process', () => {
    const lines = ['0 :invoke :write 3', '1\t:invoke\t:cas\t[3 4]', '0\t:ok\t:write\t3', ':nemesis :info :start nil']
    const expected = [
      { process: 0, call: 1, returned: 3, input: { kind: 'write', value: 3 }, output: null },
      { process: 1, call: 2, returned: undefined, input: { kind: 'cas', expected: 3, value: 4 }, output: undefined },
    ]
    expect(parseRegister(lines.join('\r\n'))).toEqual(expected)
    expect(parseRegister(lines.map((line) => `INFO  jepsen.util - ${line}`).join('\n'))).toEqual(expected)
  })

  it.each([
    ['what is this', 'line 1: not of the form "process :type :f value"'],
    ['0 :invoke :append 3', 'line 1: :append is not one of :read, :write, :cas'],
    ['0 :begin :read nil', 'line 1: :begin is not one of :invoke, :ok, :fail, :info'],
    ['0 :invoke :cas 3', 'line 1: the value of :cas is not of the form [old new]'],
    ['0 :invoke :write :x', 'line 1: a register holds nil, a number, a string or a boolean'],
    ['0 :ok :read 3', 'line 1: process 0 ends an operation it did not invoke'],
    ['0 :invoke :read nil\n\n0 :invoke :read nil', 'line 3: process 0 invokes while its operation of line 1 is open'],
    ['0 :invoke :read nil\n0 :ok :write 3', 'line 2: :write ends an operation invoked as :read'],
  ])('is refused with the line and the reason: %j', (text, message) => {
    expect(() => parseRegister(text)).toThrow(message)
  })
})

describe('the EDN of a key-value history', () => {
  it('is read by process, in whatever order its fields stand', () => {
    const text = `; a comment
      {:process 7, :type :invoke, :f :get, :key "a", :value nil}
      {:value "x\\"\\n", :key "a", :f :append, :type :invoke, :process 8}
      {:process 7 :type :ok :f :get :key "a" :value "\\u0041"}
      {:process 8, :type :fail, :f :append, :key "a", :value "x"}
      {:process 8, :type :invoke, :f :put, :key 3, :value "z"}
      {:process 8, :type :info, :f :put, :key 3, :value :timed-out}
    `
    expect(parseEdn(text)).toEqual([
      { process: 7, call: 2, returned: 4, input: { kind: 'get', key: 'a' }, output: 'A' },
      { process: 8, call: 6, returned: undefined, input: { kind: 'put', key: '3', value: 'z' }, output: undefined },
    ])
  })

  it.each([
    ['{:process 0', 'line 1: a value is missing'],
    ['[1 2]', 'line 1: not a map'],
    ['{:process 0, :type :invoke, :f :get, :key nil}', 'line 1: :key is not a string or a whole number'],
    ['{:process 0, :type :invoke, :f :scan, :key "a"}', 'line 1: :f :scan is not one of :get, :put, :append'],
    ['{:process 0, :type :invoke, :f :append, :key "a", :value 1}', 'line 1: :value of :append is not a string'],
    ['{:process "0", :type :invoke}', 'line 1: :process is not a whole number'],
    ['{:process 0, :type "ok"}', 'line 1: :type is not a keyword'],
  ])('is refused with the line and the reason: %j', (text, message) => {
    expect(() => parseEdn(text)).toThrow(message)
  })

  it('that ends under another key is refused', () => {
    const text = '{:process 0 :type :invoke :f :get :key "a"}\n{:process 0 :type :ok :f :get :key "b" :value ""}'
    expect(() => parseEdn(text)).toThrow('line 2: the operation ends with a key other than "a"')
  })
})

describe('EDN', () => {
  it('has numbers, texts, keywords, vectors and maps', () => {
    expect(readEdn('[1, -2 +3 nil true false "a b" :k {:a []}]')).toEqual([
      1,
      -2,
      3,
      null,
      true,
      false,
      'a b',
      { keyword: 'k' },
      new Map([['a', []]]),
    ])
  })

  it.each(['', '"open', '[1', '{:a}', '{"a" 1}', '{:a 1 :a 2}', '1 2', 'symbol', '#{1}', '9007199254740993', '"\\q"'])(
    'of another kind is refused: %j',
    (text) => {
      expect(() => readEdn(text)).toThrow(/column \d+/)
    },
  )

  it('is refused when it is nested without end', () => {
    expect(() => readEdn('['.repeat(100_000))).toThrow('nested deeper than 16 levels')
  })
})
