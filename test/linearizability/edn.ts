/** A keyword, without its colon. */
export interface EdnKeyword {
  readonly keyword: string
}

/** What of EDN a history is written in: no sets, lists, symbols or tags, and maps whose keys are keywords. */
export type EdnValue =
  null | boolean | number | string | EdnKeyword | readonly EdnValue[] | ReadonlyMap<string, EdnValue>

/** Thrown for text that is not one EDN value of these kinds. */
export class EdnSyntaxError extends Error {
  override readonly name = 'EdnSyntaxError'
}

/** @throws EdnSyntaxError */
export function readEdn(text: string): EdnValue {
  const reader = new EdnReader(text)
  const value = reader.value()
  reader.end()
  return value
}

export function isKeyword(value: EdnValue | undefined): value is EdnKeyword {
  return typeof value === 'object' && value !== null && 'keyword' in value
}

export function isVector(value: EdnValue): value is readonly EdnValue[] {
  return Array.isArray(value)
}

const WORDS: ReadonlyMap<string, EdnValue> = new Map<string, EdnValue>([
  ['nil', null],
  ['true', true],
  ['false', false],
])
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['b', '\b'],
  ['f', '\f'],
  ['"', '"'],
  ['\\', '\\'],
])
const DEPTH_MAX = 16

class EdnReader {
  readonly #text: string
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): EdnValue {
    this.#skip(/[\s,]*/y)
    const first = this.#text[this.#at]
    if (first === undefined) throw this.#fault('a value is missing')
    if (first === '"') return this.#string()
    if (first === '[') return this.#nested(() => this.#until(']'))
    if (first === '{') return this.#nested(() => this.#map())
    return this.#word()
  }

  end(): void {
    this.#skip(/[\s,]*/y)
    if (this.#at < this.#text.length) throw this.#fault('more than one value')
  }

  #nested<T>(read: () => T): T {
    this.#depth += 1
    if (this.#depth > DEPTH_MAX) throw this.#fault(`nested deeper than ${DEPTH_MAX} levels`)
    this.#at += 1
    const value = read()
    this.#depth -= 1
    return value
  }

  #map(): ReadonlyMap<string, EdnValue> {
    const items = this.#until('}')
    const map = new Map<string, EdnValue>()
    for (let index = 0; index < items.length; index += 2) {
      const [key, value] = [items[index], items[index + 1]]
      if (!isKeyword(key)) throw this.#fault('a key of a map is not a keyword')
      if (value === undefined) throw this.#fault(`:${key.keyword} has no value`)
      if (map.has(key.keyword)) throw this.#fault(`:${key.keyword} stands twice`)
      map.set(key.keyword, value)
    }
    return map
  }

  #until(close: string): readonly EdnValue[] {
    const items: EdnValue[] = []
    for (;;) {
      this.#skip(/[\s,]*/y)
      if (this.#text[this.#at] === close) {
        this.#at += 1
        return items
      }
      items.push(this.value())
    }
  }

  #string(): string {
    const start = this.#at + 1
    const plain = this.#skip(/"[^"\\]*/y)
    let value = this.#text.slice(start, start + plain.length - 1)
    for (;;) {
      const next = this.#text[this.#at]
      if (next === undefined) throw this.#fault('a string does not end')
      this.#at += 1
      if (next === '"') return value
      value += this.#escape() + this.#skip(/[^"\\]*/y)
    }
  }

  #escape(): string {
    const hexadecimal = this.#skip(/u[0-9a-fA-F]{4}/y)
    if (hexadecimal !== '') return String.fromCharCode(Number.parseInt(hexadecimal.slice(1), 16))
    const character = ESCAPES.get(this.#text[this.#at] ?? '')
    if (character === undefined) throw this.#fault('an unknown escape in a string')
    this.#at += 1
    return character
  }

  #word(): EdnValue {
    const word = this.#skip(/[^\s,"[\]{}()]+/y)
    if (/^:[^:]+$/.test(word)) return { keyword: word.slice(1) }
    if (/^[+-]?\d+N?$/.test(word)) return this.#integer(word)
    const known = WORDS.get(word)
    if (known === undefined)
      throw this.#fault(`"${word === '' ? (this.#text[this.#at] ?? '') : word}" is not understood`)
    return known
  }

  #integer(word: string): number {
    const value = Number.parseInt(word, 10)
    if (!Number.isSafeInteger(value)) throw this.#fault(`${word} is too large`)
    return value
  }

  /** Goes past what the sticky pattern matches here, and answers it. */
  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += match.length
    return match
  }

  #fault(what: string): EdnSyntaxError {
    return new EdnSyntaxError(`${what} (column ${this.#at + 1})`)
  }
}
