import type { Scenario } from '../faults.ts'
import { AUDIT_MUTANTS } from './audit-table.ts'
import { CHECKPOINT_MUTANTS } from './checkpoint-table.ts'

/** One change of one module's text. `find` stands in it exactly once. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A bug put into the shipping core, here and nowhere else: the simulator must notice it. */
export interface Mutant {
  /** What the mutated core does. */
  readonly name: string
  readonly edits: readonly Edit[]
  /** In clusters of this size. */
  readonly replicas: 3 | 5
  /** From seed 1 on. */
  readonly caughtWithinSeeds: number
  /** `histories`: the linearizability checker must find it alone; nobody looks at replies and read indexes. */
  readonly checks?: 'all' | 'histories'
  /** Only seeds that draw this scenario are run: elsewhere it hardly ever shows. */
  readonly scenario?: Scenario
}

const LET_STRANGERS_IN: readonly Edit[] = [
  {
    file: 'core/replica/replica.ts',
    find: 'if (this.#stages.configurations.isMember(event.from)) this.#message(event.from, event.message)',
    replace: 'this.#message(event.from, event.message)',
  },
  {
    file: 'core/model/quorum.ts',
    find: 'if (isMember(this.#configuration, replica)) counted.add(replica)',
    replace: 'counted.add(replica)',
  },
]

const CORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'answers an accept before its record is durable',
    edits: [
      {
        file: 'core/ordering/acceptor.ts',
        find: "record: again ? { kind: 'promised', ballot } : { kind: 'accepted', slot, ballot, value },\n      then,\n    })",
        replace:
          "record: again ? { kind: 'promised', ballot } : { kind: 'accepted', slot, ballot, value }, then: [] })\n" +
          "    for (const { to, message } of then) this.#emit({ kind: 'send', to, message })",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'answers a repeated accept before the first is durable',
    edits: [
      {
        file: 'core/ordering/acceptor.ts',
        find: '    // A repeated accept may overtake',
        replace:
          "    if (again) { for (const { to, message } of then) this.#emit({ kind: 'send', to, message }); return true }\n" +
          '    // A repeated accept may overtake',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'forgets its promises on restart',
    edits: [
      {
        file: 'core/ordering/ordering.ts',
        find: "if (record.kind === 'promised') this.#acceptor.recover({ ballot: record.ballot })",
        replace: '',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'promises without raising what it promised',
    edits: [
      {
        file: 'core/ordering/acceptor.ts',
        find: "this.#promised = message.ballot\n    this.#emit({\n      kind: 'persist',",
        replace: "this.#emit({\n      kind: 'persist',",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'keeps quiet about what it accepted',
    edits: [{ file: 'core/ordering/acceptor.ts', find: 'parts.at(-1)?.accepted.push(entry)', replace: '' }],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'truncates an undecided slot',
    edits: [
      {
        file: 'core/ordering/acceptor.ts',
        find: 'if (slot <= slotDecided) this.#accepted.delete(slot)',
        replace: 'if (slot <= slotDecided + 1) this.#accepted.delete(slot)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'adopts the batch of the lowest ballot in phase 1',
    edits: [
      {
        file: 'core/ordering/promises.ts',
        find: 'compareBallots(entry.ballot, best.ballot) > 0',
        replace: 'compareBallots(entry.ballot, best.ballot) < 0',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'adopts nothing in phase 1',
    edits: [
      {
        file: 'core/ordering/proposer.ts',
        find: 'adopted: phase.promises.adopted(),',
        replace: 'adopted: new Map(),',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'leads before it has fetched what was decided',
    edits: [
      {
        file: 'core/ordering/proposer.ts',
        find: 'if (this.#slotDecided < phase.slotTarget) {',
        replace: 'if (this.#slotDecided < 0) {',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'leads without a durable promise of its own',
    edits: [
      {
        file: 'core/ordering/proposer.ts',
        find: '!complete.includes(this.#init.self) || ',
        replace: '',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 500,
  },
  {
    name: 'skips the no-op in a hole',
    edits: [
      {
        file: 'core/ordering/proposer.ts',
        find: 'this.propose(phase.adopted.get(this.#phase.slotNext)?.value ?? NOOP_BATCH, nowMs)',
        replace:
          'const adopted = phase.adopted.get(this.#phase.slotNext)\n' +
          '      if (adopted === undefined) this.#phase.slotNext = slotAfter(this.#phase.slotNext)\n' +
          '      else this.propose(adopted.value, nowMs)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'leads on after it was deposed',
    edits: [{ file: 'core/ordering/proposer.ts', find: "if (!isOwn) this.stepDown('deposed')", replace: 'void isOwn' }],
    replicas: 5,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'counts a quorum with a duplicate vote',
    edits: [
      {
        file: 'core/ordering/learner.ts',
        find: 'if (before !== undefined && compareBallots(before, ballot) >= 0) return\n    heard.set(from, ballot)',
        replace:
          'if (before !== undefined && compareBallots(before, ballot) > 0) return\n' +
          "    heard.set(before !== undefined && sameBallot(before, ballot) ? from + ' again' : from, ballot)",
      },
      {
        file: 'core/model/quorum.ts',
        find: 'if (isMember(this.#configuration, replica)) counted.add(replica)',
        replace: "if (isMember(this.#configuration, replica.split(' ')[0])) counted.add(replica)",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'takes a quorum one too small',
    edits: [
      {
        file: 'core/model/quorum.ts',
        find: 'return majorityOf(this.#configuration.members.length)',
        replace: 'return majorityOf(this.#configuration.members.length) - 1',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 50,
  },
  {
    name: 'learns an entry of an older ballot',
    edits: [
      {
        file: 'core/ordering/learner.ts',
        find: 'if (compareBallots(entry.ballot, ballot) < 0) continue',
        replace: '',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'believes the decided index of another ballot',
    edits: [
      {
        file: 'core/ordering/learner.ts',
        find: 'if (entry === undefined || !sameBallot(entry.ballot, ballot)) {',
        replace: 'if (entry === undefined) {',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 500,
  },
  {
    name: 'counts an acceptance of a stranger',
    edits: [
      ...LET_STRANGERS_IN,
      {
        file: 'core/ordering/ordering.ts',
        find: 'if (this.#configurations.isMember(from)) this.#receive(from, message)',
        replace: 'this.#receive(from, message)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: "counts a stranger's vote on an Output",
    edits: [
      ...LET_STRANGERS_IN,
      {
        file: 'core/output/tally.ts',
        find: '!isMember(this.#configuration, replica) || ',
        replace: '',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'answers with an Output that one replica gave',
    edits: [
      {
        file: 'core/output/tally.ts',
        find: "if (this.#quorum.isReached(replicas)) return { kind: 'majority'",
        replace: "if (replicas.length > 0) return { kind: 'majority'",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'takes Outputs that do not hash to their vote',
    edits: [
      {
        file: 'core/output/tally.ts',
        find: 'if (slotDigest(this.#hash, digests) !== digest) return false',
        replace: '',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'puts votes into a proof that nobody signed',
    edits: [
      {
        file: 'core/replica/proofs.ts',
        find: 'checked.set(replica, isTheirs)',
        replace: 'return true',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 1_000,
  },
  {
    name: 'signs a vote for another slot',
    edits: [
      {
        file: 'core/output/answers.ts',
        find: 'signature: this.#sign(slot, digest)',
        replace: 'signature: this.#sign((slot + 1) as Slot, digest)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'executes a retry again',
    edits: [
      {
        file: 'core/execution/sessions.ts',
        find: 'if (input.sequence === session.sequence) return session.output',
        replace: 'if (input.sequence === session.sequence) return undefined',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 100,
  },
  {
    name: 'executes an Input its client has left behind',
    edits: [
      {
        file: 'core/execution/sessions.ts',
        find: 'if (input.sequence > session.sequence) return undefined',
        replace: 'if (input.sequence !== session.sequence) return undefined',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'lets the ordered time run backwards',
    edits: [
      {
        file: 'core/execution/executor.ts',
        find: 'Math.max(this.#timeMs() + 1, decoded.value.timeMs)',
        replace: 'decoded.value.timeMs',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'notes a decided index ahead of its batches',
    edits: [
      {
        file: 'core/log/log.ts',
        find:
          'this.#slotNoted = this.#slotDecided\n' +
          "      this.#effects.push({ kind: 'persist', record: { kind: 'decided', slot: this.#slotDecided } })",
        replace:
          'this.#slotNoted = this.#slotDecided\n' +
          "      this.#effects.push({ kind: 'persist', record: { kind: 'decided', slot: slotAfter(this.#slotDecided) } })",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 200,
  },
  {
    name: 'answers reads without asking who leads',
    edits: [
      {
        file: 'core/ordering/leadership.ts',
        find: "if (this.#holdsLease(nowMs)) this.#init.emit({ kind: 'confirmed', number, slot })",
        replace: "if (nowMs > 0) this.#init.emit({ kind: 'confirmed', number, slot })",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 2_000,
  },
  {
    name: 'answers a linearizable read from its own State',
    edits: [
      {
        file: 'core/replica/replica.ts',
        find: "if (event.consistency === 'stale') this.#proxy.readStale(event)",
        replace: 'if (event.timeoutMs > 0) this.#proxy.readStale(event)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 50,
    checks: 'histories',
  },
  {
    name: 'keeps its lease over a clock jump',
    edits: [
      {
        file: 'core/ordering/leadership.ts',
        find: 'clockJumped(): void {\n    this.#leaseBeatMin = this.#beat + 1',
        replace: 'clockJumped(): void {',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 2_000,
  },
  {
    name: 'promises another ballot while a lease binds it',
    edits: [
      {
        file: 'core/ordering/ordering.ts',
        find: 'if (this.#hasLease && this.#election.isBound(from, this.#nowMs)) return',
        replace: '',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 500,
  },
  {
    name: 'leads on without a quorum',
    edits: [
      {
        file: 'core/ordering/leadership.ts',
        find: 'if (!this.#init.configurations.quorum.isReached(heard)) return false',
        replace: 'void heard',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 500,
  },
]

export const MUTANTS: readonly Mutant[] = [...CORE_MUTANTS, ...CHECKPOINT_MUTANTS, ...AUDIT_MUTANTS]
