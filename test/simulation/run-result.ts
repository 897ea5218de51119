/** What one seed came to. */
export interface RunResult {
  readonly seed: number
  readonly replicas: number
  readonly events: number
  readonly virtualMs: number
  /** Of the whole event trace: runs with one digest went alike. */
  readonly digest: string
  readonly slots: number
  /** Inputs answered with their Output, and linearizable reads. */
  readonly inputs: number
  readonly reads: number
  readonly failed: number
  readonly elections: number
  /** Operations in the history the linearizability checker was given, and keys on which it reached its bound. */
  readonly operations: number
  readonly undecided: number
  readonly faults: Readonly<Record<string, number>>
  /** The broken invariant; undefined when all held. */
  readonly violation: string | undefined
}
