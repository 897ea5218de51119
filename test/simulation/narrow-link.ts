import { LIMITS } from '../../core/model/limits.ts'
import type { Channel } from '../../core/wire/message.ts'
import { CHANNELS } from '../../core/wire/message.ts'

/** As core/transport/channel-sender.ts: a frame leaves in pieces of this size, the channels take turns. */
const PIECE_BYTES = 65_508
const US_PER_SECOND = 1_000_000

interface Waiting {
  readonly bytes: number
  readonly arrived: () => void
}

interface Lane {
  waiting: Waiting[]
  waitingBytes: number
  /** What shares the frame under way: it arrives together, when the last piece has. */
  frame: readonly Waiting[]
  frameBytesLeft: number
}

interface NarrowLinkInit {
  readonly bytesPerSecond: number
  readonly schedule: (afterUs: number, run: () => void) => void
}

/**
 * One way of one connection that carries only so much: what the sender hands over queues by channel, goes out in
 * frames of what waited, and pushes out the oldest when the queue is full. As core/transport does it.
 */
export class NarrowLink {
  readonly #init: NarrowLinkInit
  readonly #lanes: readonly Lane[] = CHANNELS.map(() => emptyLane())
  #turn = 0
  #isSending = false
  #connection = 0

  constructor(init: NarrowLinkInit) {
    this.#init = init
  }

  /** `arrived`: all of it is through. */
  push(channel: Channel, bytes: number, arrived: () => void): void {
    const lane = this.#lanes[CHANNELS.indexOf(channel)]
    if (lane === undefined) return
    while (lane.waiting.length > 0 && this.#bytes + bytes > LIMITS.sendQueueBytesMax) {
      lane.waitingBytes -= lane.waiting.shift()?.bytes ?? 0
    }
    lane.waiting.push({ bytes, arrived })
    lane.waitingBytes += bytes
    if (!this.#isSending) this.#sendPiece()
  }

  /** The connection breaks, or the sender dies: what waits and what is under way is lost. */
  clear(): void {
    for (const lane of this.#lanes) Object.assign(lane, emptyLane())
    this.#isSending = false
    this.#connection += 1
  }

  get #bytes(): number {
    let bytes = 0
    for (const lane of this.#lanes) bytes += lane.waitingBytes
    return bytes
  }

  #sendPiece(): void {
    const lane = this.#nextLane()
    this.#isSending = lane !== undefined
    if (lane === undefined) return
    const bytes = Math.min(PIECE_BYTES, lane.frameBytesLeft)
    const connection = this.#connection
    this.#init.schedule(Math.ceil((bytes * US_PER_SECOND) / this.#init.bytesPerSecond), () => {
      if (connection !== this.#connection) return
      lane.frameBytesLeft -= bytes
      if (lane.frameBytesLeft === 0) {
        const { frame } = lane
        lane.frame = []
        for (const { arrived } of frame) arrived()
      }
      this.#sendPiece()
    })
  }

  #nextLane(): Lane | undefined {
    for (const channel of CHANNELS.keys()) {
      const turn = (this.#turn + channel) % CHANNELS.length
      const lane = this.#lanes[turn]
      if (lane === undefined) continue
      if (lane.frame.length === 0) takeFrame(lane)
      if (lane.frame.length === 0) continue
      this.#turn = turn + 1
      return lane
    }
    return undefined
  }
}

/** As many as fit one frame, at least one. */
function takeFrame(lane: Lane): void {
  let bytes = 0
  let count = 0
  for (const next of lane.waiting) {
    if (count > 0 && bytes + next.bytes > LIMITS.gatheredBytesMax) break
    bytes += next.bytes
    count += 1
  }
  lane.frame = lane.waiting.splice(0, count)
  lane.frameBytesLeft = bytes
  lane.waitingBytes -= bytes
}

function emptyLane(): Lane {
  return { waiting: [], waitingBytes: 0, frame: [], frameBytesLeft: 0 }
}
