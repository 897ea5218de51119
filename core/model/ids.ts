import { assert } from '../base/assert.ts'
import type { Brand } from '../base/brand.ts'

/** One life of a replica's memory: its libp2p peer id. A replica that may have forgotten gets a new key, so a new id. */
export type ReplicaId = Brand<string, 'ReplicaId'>
/** A cluster: sixteen random bytes in hexadecimal, drawn when it is founded. */
export type ClusterId = Brand<string, 'ClusterId'>
/** Who submits Inputs: chosen by the client, 1 to 128 characters. */
export type ClientId = Brand<string, 'ClientId'>
/** Position in the replicated log. Unit: slots, counted from 1; 0 means "none yet". */
export type Slot = Brand<number, 'Slot'>
/** A client's number for one of its Inputs. Counted from 1, rising. */
export type Sequence = Brand<number, 'Sequence'>
/** Number of a configuration. Counted from 1; each JOIN or QUIT adds one. */
export type Epoch = Brand<number, 'Epoch'>

export const CLIENT_ID_CHARS_MAX = 128

/** @throws InvariantError when `value` is empty. */
export function replicaId(value: string): ReplicaId {
  assert(value.length > 0, 'a replica id is not empty')
  return value as ReplicaId
}

/** @throws InvariantError when `value` is empty. */
export function clusterId(value: string): ClusterId {
  assert(value.length > 0, 'a cluster id is not empty')
  return value as ClusterId
}

/** @throws InvariantError when `value` has not 1 to 128 characters. */
export function clientId(value: string): ClientId {
  assert(value.length > 0, 'a client id is not empty')
  assert(value.length <= CLIENT_ID_CHARS_MAX, `a client id has at most ${CLIENT_ID_CHARS_MAX} characters`)
  return value as ClientId
}

/** @throws InvariantError when `value` is not a whole number from 0 up. */
export function slot(value: number): Slot {
  assert(Number.isSafeInteger(value), 'a slot is a safe integer')
  assert(value >= 0, 'a slot is not negative')
  return value as Slot
}

export const SLOT_NONE: Slot = slot(0)

export function slotAfter(value: Slot): Slot {
  return slot(value + 1)
}

/** @throws InvariantError when `value` is not a whole number from 1 up. */
export function sequence(value: number): Sequence {
  assert(Number.isSafeInteger(value), 'a sequence is a safe integer')
  assert(value >= 1, 'a sequence counts from 1')
  return value as Sequence
}

/** @throws InvariantError when `value` is not a whole number from 1 up. */
export function epoch(value: number): Epoch {
  assert(Number.isSafeInteger(value), 'an epoch is a safe integer')
  assert(value >= 1, 'an epoch counts from 1')
  return value as Epoch
}
