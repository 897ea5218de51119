import type { Operation } from './options.ts'

/** The work is the same for every system: values of this many bytes over this many keys. */
export const VALUE_BYTES = 256
export const KEYS = 10_000

export function keyOf(number: number): string {
  return `key-${String(number).padStart(5, '0')}`
}

/** One member of a cluster as the process with the clients sees it. */
export interface MemberView {
  readonly name: string
  /** Undefined where the target can't know it: then who started the process does. */
  readonly pid: number | undefined
  readonly leads: boolean
  /** It runs, and the cluster counts on it. */
  readonly isWell: boolean
}

/** A system under load, asked by the clients of one process. Every call rejects unless the answer was a success. */
export interface Target {
  /** `client`: which of the closed-loop clients asks; one has one request under way at a time. */
  readonly put: (client: number, key: string, value: string) => Promise<void>
  /** Linearizable. @returns the value held. */
  readonly get: (client: number, key: string) => Promise<unknown>
  /** A put of a client nobody else is, at any member but `victim`; it may take as long as it likes. */
  readonly probe: (number: number, victim: string) => Promise<void>
  readonly members: () => Promise<readonly MemberView[]>
  /** Called before load begins: who leads may have changed. */
  readonly aim: () => Promise<void>
  readonly close: () => Promise<void>
}

export interface CellOrder {
  readonly operation: Operation
  readonly clients: number
  readonly warmupMs: number
  readonly measuredMs: number
  /** Whose processor time is told beside the figures. */
  readonly serverPids: readonly number[]
}

/** What one cell came to in one round. */
export interface Measured {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly operations: number
  /** Requests that were not answered with success; anything but 0 spoils the figures. */
  readonly errors: number
  readonly firstError: string | undefined
  readonly cores: Cores | undefined
}

/** Processor time used while measuring. Unit: cores (seconds of processor a second). */
export interface Cores {
  /** The process with the clients; in process, that is Synod's host too. */
  readonly client: number
  /** One a server process. */
  readonly servers: readonly number[]
  /** Whoever else worked on this machine: 0 on a quiet one. */
  readonly others: number
}
