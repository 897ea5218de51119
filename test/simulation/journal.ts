import type { ReplicaEvent } from '../../core/replica/events.ts'

/** Unit: µs of virtual time. */
const US_PER_MS = 1_000
const MIXED_BYTES = 2_048

/** Who something happened to: a node's index, or the world as a whole. */
export const WORLD = -1

/**
 * What happened in a run, one line an event: counted, digested, and told in words to who asks for a trace. Two runs
 * with one digest went alike; the digest is made of 32-bit whole numbers only, so it is the same on every machine.
 */
export class Journal {
  readonly #tell: ((line: string) => void) | undefined
  readonly #words = new Map<string, number>()
  #low = 0x811c9dc5
  #high = 0x1b873593
  #events = 0
  #nowUs = 0

  constructor(tell?: (line: string) => void) {
    this.#tell = tell
  }

  get events(): number {
    return this.#events
  }

  /** Whether words are wanted: making them costs more than the event. */
  get isTold(): boolean {
    return this.#tell !== undefined
  }

  /** 64 bits in hexadecimal. */
  get digest(): string {
    return hex(this.#high) + hex(this.#low)
  }

  /** An event begins. `word` says what, from a small vocabulary. */
  event(nowUs: number, node: number, word: string): void {
    this.#events += 1
    this.#nowUs = nowUs
    this.mix(nowUs | 0)
    this.mix(Math.floor(nowUs / 0x1_0000_0000))
    this.mix(node)
    this.mix(this.#numberOf(word))
  }

  /** A replica is about to handle an event. */
  stepping(nowUs: number, node: number, event: ReplicaEvent): void {
    if (event.kind !== 'message') {
      this.event(nowUs, node, event.kind)
      if ('request' in event) this.mix(event.request)
      return
    }
    const { from, message } = event
    this.event(nowUs, node, message.kind)
    this.mix(from.charCodeAt(0))
    if ('ballot' in message) this.mix(message.ballot.round)
    if ('slot' in message) this.mix(message.slot)
  }

  /** A number that belongs to the event. */
  mix(value: number): void {
    let word = Math.imul(value ^ this.#low, 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    this.#low = (Math.imul(this.#low ^ word, 5) + 0x6546b64) | 0
    this.#high = (Math.imul(this.#high ^ (this.#low >>> 13), 0x1b873593) + word) | 0
  }

  mixText(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.mix(text.charCodeAt(index))
  }

  mixBytes(bytes: Uint8Array): void {
    if (bytes.length <= 2 * MIXED_BYTES) {
      for (const byte of bytes) this.mix(byte)
      return
    }
    // Of a large one the ends and the length: a digest of every byte would take longer than the run.
    this.mix(bytes.length)
    for (const byte of bytes.subarray(0, MIXED_BYTES)) this.mix(byte)
    for (const byte of bytes.subarray(-MIXED_BYTES)) this.mix(byte)
  }

  /** Words for the event, or for something that follows from it. */
  tell(node: number, text: string): void {
    this.#tell?.(`${timeText(this.#nowUs)}  ${node === WORLD ? '*' : nodeName(node)}  ${text}`)
  }

  #numberOf(word: string): number {
    const known = this.#words.get(word)
    if (known !== undefined) return known
    let number = 0x811c9dc5
    for (let index = 0; index < word.length; index += 1) {
      number = Math.imul(number ^ word.charCodeAt(index), 0x01000193)
    }
    this.#words.set(word, number)
    return number
  }
}

/** a, b, c … */
export function nodeName(index: number): string {
  return String.fromCharCode(97 + index)
}

function timeText(nowUs: number): string {
  const us = nowUs % US_PER_MS
  return `${String((nowUs - us) / US_PER_MS).padStart(6)}.${String(us).padStart(3, '0')} ms`
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
