import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { checkEdit } from './mutants/plant.ts'
import { WITHOUT_VOTES } from '../bench/vote/vote-edits.ts'
import { MUTANTS } from './mutants/table.ts'

/** Quick to be caught; `npm run simulate -- --mutants` hunts them all. */
const QUICK = [
  'answers an accept before its record is durable',
  'takes a quorum one too small',
  'executes a retry again',
  'answers with an Output that one replica gave',
  'answers a linearizable read from its own State',
  'leads on after it was deposed',
  'truncates behind a single stable checkpoint',
  'keeps the sessions of the old State after a transfer',
  'counts a checkpoint stable with one attestation',
]
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))

describe('planted bugs', () => {
  it('change text that stands in the core exactly once', () => {
    for (const { name, edits } of MUTANTS) for (const edit of edits) checkEdit(name, edit)
    expect(MUTANTS.length).toBeGreaterThanOrEqual(12)
    // What the benchmark of the vote changes goes stale in the same way.
    for (const edit of WITHOUT_VOTES) checkEdit('without votes', edit)
  })

  it.each(QUICK)('are caught: %s', (name) => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, '--mutants', '--only', name, '--jobs', '1'], {
      encoding: 'utf8',
    })
    expect(stdout).toContain('caught at seed')
    expect(status).toBe(0)
  })

  it('are refused when nobody knows them', () => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, '--mutant', 'no such bug'], { encoding: 'utf8' })
    expect(stderr).toContain('no planted bug is called "no such bug"')
    expect(status).not.toBe(0)
  })
})
