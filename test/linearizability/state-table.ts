/** A Map holds no more. */
const STATES_MAX = 2 ** 24 - 1
/** A guess at what V8 spends for an entry of the Map, the array slot and the string's header. */
const BYTES_PER_STATE = 96
const BYTES_PER_CHARACTER = 2

/** Gives equal states one small number, from 0. */
export class StateTable<State> {
  readonly #keyOf: (state: State) => string
  readonly #ids = new Map<string, number>()
  readonly #states: State[] = []
  #bytes = 0

  constructor(keyOf: (state: State) => string) {
    this.#keyOf = keyOf
  }

  /** An estimate from above for states that are not much larger than their keys. */
  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#ids.size >= STATES_MAX
  }

  idOf(state: State): number {
    const key = this.#keyOf(state)
    const known = this.#ids.get(key)
    if (known !== undefined) return known
    const id = this.#states.length
    this.#states.push(state)
    this.#ids.set(key, id)
    this.#bytes += key.length * BYTES_PER_CHARACTER + BYTES_PER_STATE
    return id
  }

  /** @throws RangeError for a number `idOf` did not give. */
  stateOf(id: number): State {
    const state = this.#states[id]
    if (state === undefined && id >= this.#states.length) throw new RangeError(`no state ${id}`)
    return state as State
  }
}
