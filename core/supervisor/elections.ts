import type { ElectionView } from '../api/views.ts'
import type { Note } from '../replica/effects.ts'
import { ballotView } from './vote-views.ts'
import type { NameOf } from './vote-views.ts'

type ElectionNote = Extract<Note, { kind: 'election' }>

/** The record an election leaves. `name`: of the replica that was elected. */
export function electionView(name: string, note: ElectionNote, nameOf: NameOf): ElectionView {
  const { previous } = note
  return {
    timeMs: Date.now(),
    leader: name,
    ballot: ballotView(note.ballot, nameOf),
    previous:
      previous === undefined ? null : { leader: nameOf(previous.leader), ballot: ballotView(previous.ballot, nameOf) },
    cause: note.cause,
  }
}

export function electionText(election: ElectionView): string {
  return `Replica ${election.leader} leads, ballot ${election.ballot}${why(election)}.`
}

function why({ previous, cause }: ElectionView): string {
  if (previous === null) return ''
  switch (cause) {
    case 'first':
      return ''
    case 'silence':
      return `: ${previous.leader} was silent`
    case 'abdicated':
      return `: ${previous.leader} handed over`
    case 'lost-quorum':
      return `: ${previous.leader} reached no quorum`
    case 'disk-stall':
      return `: the disk of ${previous.leader} stalled`
  }
}
