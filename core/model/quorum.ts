import type { Configuration } from './configuration.ts'
import { isMember } from './configuration.ts'
import type { ReplicaId } from './ids.ts'

/** How many of so many members make a majority. */
export function majorityOf(members: number): number {
  return Math.floor(members / 2) + 1
}

/**
 * The only place that counts replicas: a majority of a configuration's members.
 * Any two majorities share a member, which is what Paxos and the Output vote rest on.
 */
export class Quorum {
  readonly #configuration: Configuration

  constructor(configuration: Configuration) {
    this.#configuration = configuration
  }

  /** How many members make a majority. */
  get size(): number {
    return majorityOf(this.#configuration.members.length)
  }

  /** How many members may fail while a majority remains. */
  get survivable(): number {
    return this.#configuration.members.length - this.size
  }

  /** Whether the members among `replicas` are a majority; strangers and repeats do not count. */
  isReached(replicas: Iterable<ReplicaId>): boolean {
    const counted = new Set<ReplicaId>()
    for (const replica of replicas) if (isMember(this.#configuration, replica)) counted.add(replica)
    return counted.size >= this.size
  }

  /** Whether `agreeing` could still grow to a majority when only `undecided` further members may join it. */
  isReachable(agreeing: number, undecided: number): boolean {
    return agreeing + undecided >= this.size
  }
}
