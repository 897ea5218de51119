import type { InputVotesView, VoteView } from '../../core/api/views.ts'
import { formatCount } from '../formatting/number.ts'

/** Words of Votes, its tape and its inspector. */
export const votesText = {
  signs: {
    agrees: 'agrees',
    dissents: 'dissents',
    none: 'no answer yet',
    answered: 'answered',
  } satisfies Record<VoteView['sign'], string>,
  signLegend: {
    agrees: 'agrees with the majority',
    dissents: 'dissents',
    none: 'no answer yet',
    answered: 'answered, no majority',
    leader: 'leader',
  },
  vote: (name: string, sign: VoteView['sign']): string => `${name} ${votesText.signs[sign]}`,

  /** In place of an Input: they go to the replicas and to no machine. */
  orders: {
    checkpoint: { name: 'CHECKPOINT', gloss: 'Every replica keeps its State as it is after this slot.' },
    audit: { name: 'AUDIT', gloss: 'Every replica tells what it holds after this slot, and compares.' },
  },
  /** Of an Input that got no Output. */
  afterFail: {
    input: 'The Input may still take effect; a retry with the same client and sequence is safe.',
    read: 'A read changes nothing; ask again.',
    checkpoint: 'The checkpoint may still be taken; one CHECKPOINT more does no harm.',
    audit: 'The replicas may still report; one AUDIT more does no harm.',
  } satisfies Record<InputVotesView['kind'], string>,

  tape: {
    label: 'Tape',
    empty: 'No slots with votes yet.',
    summary: (first: number, last: number, dissents: number, fails: number) =>
      `Tape of slots ${formatCount(first)} to ${formatCount(last)}: ${dissents === 0 ? 'no dissent' : `dissent in ${formatCount(dissents)}`}, ${fails === 0 ? 'no FAIL' : `FAIL in ${formatCount(fails)}`}. The same as a table: Votes.`,
    emptySummary: 'Tape: no slots with votes yet.',
    scale: (slots: number) => `1 column = ${formatCount(slots)} slots`,
    notHeld: (first: number, last: number) =>
      first === last
        ? `Slot ${formatCount(first)}: no votes held`
        : `Slots ${formatCount(first)}–${formatCount(last)}: no votes held`,
    slot: (slot: number, agree: number, of: number, failed: boolean) =>
      `Slot ${formatCount(slot)} · ${failed ? 'FAIL · ' : ''}${agree} of ${of} agree`,
    nothing: (slot: number) => `Slot ${formatCount(slot)} · no Input`,
    slots: (first: number, last: number) => `Slots ${formatCount(first)}–${formatCount(last)}`,
    asTable: 'Votes as a table',
    older: 'Older slots',
    newer: 'Newer slots',
  },

  votes: {
    title: 'Votes',
    pause: 'Pause',
    resume: 'Resume',
    paused: (newer: number) =>
      newer === 0 ? 'Paused.' : `Paused. ${formatCount(newer)} newer ${newer === 1 ? 'slot' : 'slots'}.`,
    filter: 'Show',
    filters: { all: 'All', dissent: 'Dissent', fail: 'FAIL' },
    slot: 'Slot',
    time: 'Time',
    machine: 'Machine',
    input: 'Input',
    output: 'Output',
    waiting: 'waiting',
    read: 'read',
    openSlot: (slot: number) => `Slot ${formatCount(slot)}`,
    empty: 'No slots with votes yet. Votes appear as soon as an Input is submitted.',
    emptyDissent: 'No dissent in the slots held here.',
    emptyFail: 'No FAIL in the slots held here.',
    waitingForVotes: 'Reading the newest votes.',
    more: (inputs: number) => `… and ${formatCount(inputs)} more ${inputs === 1 ? 'Input' : 'Inputs'} in this slot`,
    noop: 'nothing: a gap filled by the leader',
    bounded: (rows: number) => `The newest ${formatCount(rows)} rows are shown.`,
    missed: (slots: number) =>
      `${formatCount(slots)} ${slots === 1 ? 'slot' : 'slots'} went by too fast to be shown; they were voted on all the same.`,
    tableLabel: 'Votes, newest first',
    toSubmit: 'Submit an Input',
  },
  inspector: {
    label: (slot: number) => `Slot ${formatCount(slot)}`,
    title: (slot: number) => `Slot ${formatCount(slot)}`,
    gone: 'Its votes are no longer held here.',
    pin: 'Keep the inspector open',
    nothing: 'Select a slot in the table or on the tape.',
    nothingLabel: 'Slot inspector',
    ballot: 'Ballot',
    time: 'Ordered time',
    inputs: 'Inputs',
    client: 'Client',
    sequence: 'Sequence',
    machine: 'Machine',
    proxy: 'Proxy',
    proxyGloss: 'the member that took the request and counted the votes',
    input: 'Input',
    output: 'Output',
    votes: 'Votes',
    member: 'Member',
    sign: 'Vote',
    digest: 'Digest',
    after: 'After',
    signature: 'Signature',
    unsigned: 'Not signed: it came without a slot, or not at all.',
    copySignature: (name: string, short: string) => `Copy the signature of ${name}, ${short}`,
    many: (count: number, shown: number) => `${formatCount(count)} Inputs; the first ${formatCount(shown)} are shown.`,
    tally: (agree: number, of: number) => `${agree} of ${of} agree`,
  },
}
