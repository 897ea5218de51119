import type { Note } from '../replica/effects.ts'
import type { NoteLevel } from './notes.ts'
import type { NameOf } from './vote-views.ts'

/** @returns what to tell of a note about checkpoints and state transfers; undefined for what is only shown as a state. */
export function checkpointText(
  name: string,
  note: Note,
  nameOf: NameOf,
): { readonly level: NoteLevel; readonly text: string } | undefined {
  switch (note.kind) {
    case 'checkpoint-failed':
      return {
        level: 'attention',
        text: `Replica ${name} could not write the checkpoint at slot ${note.slot}: ${note.message} It is tried again; the log is kept meanwhile.`,
      }
    case 'checkpoint-deviates':
      return {
        level: 'danger',
        text: `Replica ${name} has another State at slot ${note.slot} than the majority. Its checkpoint is not used.`,
      }
    case 'state-lost':
      return {
        level: 'danger',
        text: `Replica ${name}'s checkpoints are gone, its log does not reach back, and there is no other member to receive the State from. Restore the cluster from a backup.`,
      }
    case 'transfer-begun': {
      const sources = note.sources.map(nameOf).join(', ')
      return { level: 'attention', text: `Replica ${name} receives the State at slot ${note.slot} from ${sources}.` }
    }
    case 'transfer-ended': {
      const seconds = (note.durationMs / 1000).toFixed(1)
      return {
        level: 'good',
        text: `Replica ${name} has the State at slot ${note.slot}, verified, after ${seconds} s.`,
      }
    }
    default:
      return undefined
  }
}
