import type { Mutant } from './table.ts'

/** Bugs in checkpoints, in dropping the log behind them, and in bringing the State of others here. */
export const CHECKPOINT_MUTANTS: readonly Mutant[] = [
  {
    name: 'truncates up to the newest checkpoint, stable or not',
    edits: [
      {
        file: 'core/checkpoint/retention.ts',
        find: 'stable.length < 2 ? SLOT_NONE : (stable.at(-2) ?? SLOT_NONE)',
        replace: 'checkpoints.at(-1)?.slot ?? SLOT_NONE',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 50,
    scenario: 'left-behind',
  },
  {
    name: 'truncates behind a single stable checkpoint',
    edits: [
      {
        file: 'core/checkpoint/retention.ts',
        find: 'stable.length < 2 ? SLOT_NONE : (stable.at(-2) ?? SLOT_NONE)',
        replace: 'stable.at(-1) ?? SLOT_NONE',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 50,
    scenario: 'left-behind',
  },
  {
    name: 'drops the log before the certificate is durable',
    edits: [
      {
        file: 'core/checkpoint/checkpoints.ts',
        find: "    this.#effects.push({ kind: 'certify', certificate })",
        replace:
          "    this.#effects.push({ kind: 'certify', certificate })\n" +
          '    this.#infos = this.#infos.map((info) => (info.slot === certificate.slot ? { ...info, certificate } : info))',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'counts a checkpoint stable with one attestation',
    edits: [
      {
        file: 'core/checkpoint/attestations.ts',
        find: 'if (!this.#init.configurations.quorumAt(slot).isReached(agreeing.map(({ replica }) => replica))) continue',
        replace: '',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 50,
    scenario: 'left-behind',
  },
  {
    name: 'takes an attestation with a signature that is none',
    edits: [
      {
        file: 'core/checkpoint/attestations.ts',
        find: 'if (!signing.verify(from, attestedBytes({ cluster, slot, root }), signature)) return false',
        replace: 'void [signing, cluster, root, signature]',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'starts from an unstable checkpoint',
    edits: [
      {
        file: 'test/support/memory-disk.ts',
        find: 'const newest = this.infos.findLast(({ certificate }) => certificate !== undefined)',
        replace: 'const newest = this.infos.at(-1)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'writes the State as it is now instead of the frozen one',
    edits: [
      {
        file: 'core/replica/applier.ts',
        find: 'checkpoints.executed(counted, () => executor.state.freeze()),',
        replace: 'checkpoints.executed(counted, () => executor.state),',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 50,
    scenario: 'left-behind',
  },
  {
    name: 'accepts an offer without a valid certificate',
    edits: [
      {
        file: 'core/checkpoint/transfer.ts',
        find: ' || !this.#init.isValid(offer.certificate)',
        replace: '',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'counts one attestation of a certificate several times',
    edits: [
      {
        file: 'core/checkpoint/attestations.ts',
        find: 'return configurations.quorumAt(slot).isReached(signers.map(({ replica }) => replica))',
        replace: 'return 2 * signers.length > configurations.at(slot).members.length',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'takes the names in a certificate for signatures',
    edits: [
      {
        file: 'core/checkpoint/attestations.ts',
        find: 'attestations.filter(({ replica, signature }) => signing.verify(replica, bytes, signature))',
        replace: 'attestations.filter(() => signing !== undefined && bytes.length > 0)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'installs without comparing digests with the certificate',
    edits: [
      {
        file: 'core/checkpoint/transfer.ts',
        find: "if (present(this.#staging, 'a transfer has its staging').isTreeOf(message.digests, root)) {",
        replace: 'if (message.digests.length === PARTITIONS && root.length > 0) {',
      },
      {
        file: 'core/checkpoint/transfer.ts',
        find: 'if (info.root !== phase.target.certificate.root) {',
        replace: 'if (info.slot < 0) {',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'installs what was written down wrongly',
    edits: [
      {
        file: 'core/checkpoint/transfer.ts',
        find: 'if (info.root !== phase.target.certificate.root) {',
        replace: 'if (info.slot < 0) {',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 2_000,
    scenario: 'left-behind',
  },
  {
    name: 'keeps the sessions of the old State after a transfer',
    edits: [
      {
        file: 'core/execution/executor.ts',
        find: 'this.#state = state\n    this.#sessions = new Sessions(state)\n    this.#slotExecuted = slot',
        replace: 'this.#state = state\n    this.#slotExecuted = slot',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 100,
    scenario: 'left-behind',
  },
  {
    name: 'installs a State it has left behind',
    edits: [
      {
        file: 'core/replica/applier.ts',
        find: 'if (slot <= this.slotExecuted) return\n    assert(slot',
        replace: 'assert(slot',
      },
      // Else the transfer ends as soon as execution comes to it.
      {
        file: 'core/checkpoint/transfer.ts',
        find: 'if (slotExecuted < slot) return',
        replace: 'if (slotExecuted >= 0 || slotExecuted < slot) return',
      },
    ],
    replicas: 5,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'takes what lies before a jump for what was decided',
    edits: [
      {
        file: 'core/log/log.ts',
        find: "record: { kind: 'jumped', certificate }",
        replace: "record: { kind: 'decided', slot }",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'jumps without a durable record',
    edits: [
      {
        file: 'core/log/log.ts',
        find: "    this.#effects.push({ kind: 'persist', record: { kind: 'jumped', certificate } })\n",
        replace: '',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'executes over a hole',
    edits: [
      {
        file: 'core/replica/applier.ts',
        find: 'if (!this.#mustReceive && slot === slotAfter(this.slotExecuted)) this.#execute({ slot, ballot, value }, nowMs)',
        replace: 'if (!this.#mustReceive && slot > this.slotExecuted) this.#execute({ slot, ballot, value }, nowMs)',
      },
      {
        file: 'core/execution/executor.ts',
        find: "assert(slot === slotAfter(this.#slotExecuted), 'slots are executed in order, without a gap')",
        replace: 'void slotAfter',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 100,
    scenario: 'left-behind',
  },
  {
    name: 'takes slots it has jumped over for its own',
    edits: [
      {
        file: 'core/log/log.ts',
        find: 'this.#slotDecided = slot\n    this.#slotFirst = slotAfter(slot)',
        replace: 'this.#slotDecided = slot',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'forgets the promise that stands for dropped records',
    edits: [
      {
        file: 'core/ordering/ordering.ts',
        find: "if (record.kind === 'promised') this.#acceptor.recover({ ballot: record.ballot })",
        replace:
          "if (record.kind === 'promised' && this.#acceptor.promised.round > 0) this.#acceptor.recover({ ballot: record.ballot })",
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'answers a read from a State that has not come so far',
    edits: [
      {
        file: 'core/replica/reads.ts',
        find: 'if (message.slot <= this.#init.slotExecuted()) this.#answer(from, message)',
        replace: 'if (message.slot >= 0) this.#answer(from, message)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
]
