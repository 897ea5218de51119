/** What the command's exit code says. Stable: scripts lean on it. */
export const EXIT = {
  done: 0,
  refusedByMachine: 1,
  wrongArguments: 2,
  hostNotStarted: 3,
  hostNotReached: 4,
  fail: 5,
  refusedBeforeOrdering: 6,
  busy: 7,
  fault: 8,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'Done.',
  refusedByMachine:
    'The machine refused the Input: it was ordered and voted on, and its Output is an error. ' +
    'From verify and restore: the backup is damaged, or can’t be used here. From verify-proof: the proof is not valid. ' +
    'From rehearse: something that must be seen was not.',
  wrongArguments: 'Wrong arguments, or no such cluster or replica.',
  hostNotStarted: "The host, or the desktop window, can't start; or the data folder is in use.",
  hostNotReached: 'No host is reached, it gave no answer, or the access token is wrong.',
  fail: 'FAIL: no majority of the replicas returned one Output. From audit: a replica deviates.',
  refusedBeforeOrdering: 'The Input was refused before ordering; the cluster is untouched.',
  busy: 'The host has too much to do, or is closing: try again.',
  fault: 'The host or this command met an error of its own, or an Output’s proof was not given.',
}

/** For `--help`. */
export function describeExitCodes(): string {
  const names = Object.keys(EXIT).filter((name): name is keyof typeof EXIT => Object.hasOwn(EXIT, name))
  return ['Exit codes:', ...names.map((name) => `  ${EXIT[name]}  ${MEANINGS[name]}`)].join('\n')
}

/** Of the last word of a problem's `type`; anything unknown is an error of the host's. */
const PROBLEM_EXITS: Readonly<Record<string, ExitCode>> = {
  'invalid-argument': EXIT.wrongArguments,
  'cluster-not-named': EXIT.wrongArguments,
  'cluster-unknown': EXIT.wrongArguments,
  'name-taken': EXIT.wrongArguments,
  'replica-unknown': EXIT.wrongArguments,
  'rehearsal-off': EXIT.wrongArguments,
  'fault-unknown': EXIT.wrongArguments,
  'fault-refused': EXIT.wrongArguments,
  'incident-unknown': EXIT.wrongArguments,
  'backup-exists': EXIT.wrongArguments,
  'backup-not-found': EXIT.wrongArguments,
  'backup-not-writable': EXIT.wrongArguments,
  'backup-unreadable': EXIT.refusedByMachine,
  'backup-foreign': EXIT.refusedByMachine,
  'backup-damaged': EXIT.refusedByMachine,
  'backup-format-newer': EXIT.refusedByMachine,
  'backup-machines-unknown': EXIT.refusedByMachine,
  'backup-under-way': EXIT.busy,
  unauthorized: EXIT.hostNotReached,
  'host-refused': EXIT.hostNotReached,
  'input-refused': EXIT.refusedBeforeOrdering,
  'input-too-large': EXIT.refusedBeforeOrdering,
  'cluster-stopped': EXIT.refusedBeforeOrdering,
  'replica-stopped': EXIT.refusedBeforeOrdering,
  fail: EXIT.fail,
  busy: EXIT.busy,
  'host-closing': EXIT.busy,
}

export function exitOfProblem(type: string): ExitCode {
  return PROBLEM_EXITS[type.slice(type.lastIndexOf(':') + 1)] ?? EXIT.fault
}
