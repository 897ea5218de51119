import type { Mutant } from './table.ts'

/** Bugs in the audit: who is found at fault, who is not, and what comes of it. */
export const AUDIT_MUTANTS: readonly Mutant[] = [
  {
    name: 'hashes the digests it keeps instead of what it holds',
    edits: [
      {
        file: 'core/audit/scrub.ts',
        find: 'this.#digests.push(this.state.scrubPartition(partition))',
        replace: 'this.#digests.push(this.state.partitionDigest(partition))',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'votes on in quarantine',
    edits: [
      {
        file: 'core/replica/replica.ts',
        find: 'if (!isQuarantined) this.#stages.answers.keep(slot, executed)',
        replace: 'this.#stages.answers.keep(slot, executed)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'takes the first report for the majority’s',
    edits: [
      {
        file: 'core/audit/reports.ts',
        find: 'if (!quorum.isReached(agreeing)) continue',
        replace: 'if (reports.length < quorum.size) continue',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'finds at fault whoever has not come so far',
    edits: [
      {
        file: 'core/audit/audits.ts',
        find: 'this.#outputs = hashCanonical(this.#init.hash, [this.#outputs, digest])',
        replace: 'if (this.#started) this.#outputs = hashCanonical(this.#init.hash, [this.#outputs, digest])',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'goes on with the Outputs of an old State after a transfer',
    edits: [
      {
        file: 'core/audit/audits.ts',
        find: '  installed(): void {\n    this.#outputs = this.#noOutputs()\n',
        replace: '  installed(): void {\n',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
    scenario: 'left-behind',
  },
  {
    name: 'never looks for whom an AUDIT finds at fault',
    edits: [
      {
        file: 'core/audit/audits.ts',
        find: '} else if (deviating.includes(self) && this.#deviates === undefined) {',
        replace: '} else if (deviating.includes(self) && this.#deviates === undefined && slot < 0) {',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
  {
    name: 'believes a report that another one signed',
    edits: [
      {
        file: 'core/audit/audits.ts',
        find: 'if (this.#isTrue(slot, report) && this.#reports.add(slot, report)) this.#judge(slot)',
        replace: 'if (slot > 0 && this.#reports.add(slot, report)) this.#judge(slot)',
      },
    ],
    replicas: 3,
    caughtWithinSeeds: 500,
  },
]
