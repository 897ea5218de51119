import { assert } from '../base/assert.ts'
import type { Epoch, ReplicaId } from './ids.ts'

/** A voting replica. `name` is for people ("a", "desk-2"); the id is what counts. */
export interface Member {
  readonly replica: ReplicaId
  readonly name: string
}

/** Who votes, from one slot on. Members are in string order of their ids, without repeats. */
export interface Configuration {
  readonly epoch: Epoch
  readonly members: readonly Member[]
}

/** @throws InvariantError when there is no member, or one twice. */
export function createConfiguration(epoch: Epoch, members: readonly Member[]): Configuration {
  assert(members.length > 0, 'a configuration has a member')
  const ids = new Set(members.map((member) => member.replica))
  assert(ids.size === members.length, 'a configuration names each member once')
  return { epoch, members: members.toSorted((left, right) => (left.replica < right.replica ? -1 : 1)) }
}

export function isMember(configuration: Configuration, replica: ReplicaId): boolean {
  return configuration.members.some((member) => member.replica === replica)
}
