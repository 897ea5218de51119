import { describe, expect, it } from 'vitest'
import { runCommand } from '../../core/cli/program.ts'
import { shippedScenarios } from '../../core/cli/rehearse/scenario-files.ts'
import { forkLauncher, openHost } from '../../core/index.ts'
import { World } from '../unit/cli/surroundings.ts'

/** A world with real hosts in it. */
function realWorld(): World {
  return new World({
    openHost: ({ dataFolder, trace }) => openHost({ dataFolder, trace, launcher: forkLauncher(), kind: 'headless' }),
  })
}

const names = (await shippedScenarios()).map(({ name }) => name)

describe('synod rehearse', () => {
  it.each(names)('sees all that must be seen in %s', async (name) => {
    const world = realWorld()
    const exit = await runCommand(['rehearse', name, '--json'], world.surroundings, { version: '0.0.0' })
    const [played, last] = world.said.out
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(last).toMatchObject({ done: true, notSeen: [] })
    expect(played).toMatchObject({ scenario: name, seen: true, problems: [] })
    expect(exit).toBe(0)
  })
})
