import { expect, it } from 'vitest'
import { runCommand } from '../../core/cli/program.ts'
import { forkLauncher, openHost } from '../../core/index.ts'
import { World } from '../unit/cli/surroundings.ts'

it('synod demo tells its whole story, and all of it is true', async () => {
  const world = new World({
    openHost: ({ dataFolder, trace }) => openHost({ dataFolder, trace, launcher: forkLauncher(), kind: 'headless' }),
  })
  const exit = await runCommand(['demo', '--json'], world.surroundings, { version: '0.0.0' })
  const told = world.said.out
    .trim()
    .split('\n')
    .map(
      (line) => JSON.parse(line) as { readonly chapter?: string; readonly statement?: string; readonly ok?: boolean },
    )
  const last = told.pop()
  expect(last).toMatchObject({ done: true, statements: told.length })
  expect(exit).toBe(0)
  expect([told.length, new Set(told.map(({ chapter }) => chapter)).size]).toEqual([43, 13])
  expect(told.filter(({ ok }) => ok !== true)).toEqual([])
  const statements = told.map(({ statement }) => statement).join('\n')
  for (const said of [
    /This AUDIT found (a|b|c): it deviates from the majority/,
    /The evidence names the key and shows both values/,
    /is in quarantine: its Outputs don't count/,
    /Another AUDIT verified it/,
    /Its Outputs count again: 3 of 3 agree/,
    /None failed, and every reply was right/,
  ]) {
    expect(statements).toMatch(said)
  }
}, 240_000)
