import type { ReplicaExit } from './launcher.ts'
import type { NoteLevel } from './notes.ts'

/** Why a replica could not go on, as it said itself or as its host saw it. */
export interface Problem {
  readonly code: string
  readonly message: string
  /** Starting it again would not help. */
  readonly isFinal: boolean
}

export interface ReplicaEnd extends ReplicaExit {
  /** It was told to stop. */
  readonly expected: boolean
  readonly problem: Problem | undefined
}

/** What to tell of a replica whose process ended. */
export function exitText(
  name: string,
  { code, signal, expected, problem }: ReplicaEnd,
): { readonly level: NoteLevel; readonly text: string } {
  if (expected) return { level: 'attention', text: `Replica ${name} stopped.` }
  if (problem !== undefined) {
    const next = problem.isFinal ? 'stays down until it is started by hand' : 'ended, and is started again and again'
    return { level: 'danger', text: `Replica ${name} ${next}: ${problem.message}` }
  }
  const how = signal === null ? `with code ${code ?? 0}` : `by ${signal}`
  return { level: 'danger', text: `Replica ${name}'s process ended ${how}; it is started again.` }
}
