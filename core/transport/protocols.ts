import type { Channel } from '../wire/message.ts'

/**
 * The protocol behind each channel. A stream carries frames one way only, from the replica that opened it; each
 * replica opens its own, so no stream is ever shared and each has one writer.
 */
export const PROTOCOLS: Readonly<Record<Channel, string>> = {
  ordering: '/synod/ordering/1.0.0',
  output: '/synod/output/1.0.0',
  transfer: '/synod/transfer/1.0.0',
  state: '/synod/state/1.0.0',
}

/** Streams of one protocol, one connection and one direction: one in use, and those that end while it opens. */
export const PROTOCOL_STREAMS_MAX = 8
