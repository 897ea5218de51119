import { defineConfig } from 'vitest/config'

const UNIT_FOLDERS = [
  'unit',
  'paper',
  'architecture',
  'renderer',
  'conformance',
  'linearizability',
  'electron',
  'runner',
]

/** One project for each part that test/run.ts knows; a file can also be run alone: `npx vitest run <path>`. */
export default defineConfig({
  test: {
    pool: 'forks',
    // A part without files yet is told by test/run.ts, which counts it as skipped.
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: UNIT_FOLDERS.map((folder) => `test/${folder}/**/*.test.ts`),
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 300_000 },
      },
      {
        extends: true,
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          // Three replica processes a test: one file at a time.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
