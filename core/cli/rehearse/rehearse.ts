import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Scenario } from '../../api/scenario.ts'
import { Stage } from '../demo/stage.ts'
import { StoryError } from '../demo/story.ts'
import { EXIT } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { CommandError } from '../failure.ts'
import type { Surroundings } from '../surroundings.ts'
import { Run } from './run.ts'
import { findScenario, shippedScenarios } from './scenario-files.ts'
import { Telling } from './telling.ts'

export interface RehearseOptions {
  /** The shipped ones. */
  readonly all: boolean
  /** Names the shipped ones and plays none. */
  readonly list: boolean
  /** The data folder is left there. */
  readonly keep: boolean
  readonly json: boolean
}

/**
 * Plays scenarios, each on a fresh cluster of real replicas in a temporary folder. Done only if everything that must be
 * seen was seen.
 */
export async function rehearse(
  files: readonly string[],
  options: RehearseOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  if (options.list) return listShipped(options, surroundings)
  const scenarios = [...(options.all ? await shippedScenarios() : []), ...(await Promise.all(files.map(findScenario)))]
  if (scenarios.length === 0) {
    const message = 'Name the files of scenarios, or --all for the shipped ones. See: npx synod rehearse --list'
    throw new CommandError({ code: 'WRONG_ARGUMENTS', exit: EXIT.wrongArguments }, message)
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'synod-rehearsal-'))
  const stage = new Stage(() => surroundings.openHost({ dataFolder: folder, trace: () => undefined }))
  const { keep, json } = options
  const leaving: { done?: Promise<void>; isAsked: boolean } = { isAsked: false }
  const leave = async (): Promise<void> => {
    await stage.close()
    if (!keep) await rm(folder, { recursive: true, force: true })
  }
  const endStop = surroundings.onStop(() => {
    leaving.isAsked = true
    leaving.done ??= leave()
    void leaving.done.finally(() => process.exit(EXIT.fault))
  })
  const telling = new Telling({ write: surroundings.writeOut, json })
  try {
    await stage.open()
    for (const scenario of scenarios) await play(scenario, { stage, telling, keep })
    if (keep && !json) surroundings.writeOut(`\nKept. Look at it with: npx synod serve --data ${folder}\n`)
    return telling.conclude() ? EXIT.done : EXIT.refusedByMachine
  } catch (error) {
    // The host was closed under what was playing.
    if (leaving.isAsked && error instanceof StoryError) return EXIT.fault
    throw error
  } finally {
    endStop()
    await (leaving.done ??= leave())
  }
}

interface Playing {
  readonly stage: Stage
  readonly telling: Telling
  readonly keep: boolean
}

async function play(scenario: Scenario, { stage, telling, keep }: Playing): Promise<void> {
  telling.begin(scenario)
  const onStep = (atMs: number, words: string): void => {
    telling.step(atMs, words)
  }
  try {
    telling.end(scenario, await new Run({ stage, scenario, onStep }).play())
  } catch (error) {
    if (!(error instanceof StoryError) || !stage.isOpen) throw error
    telling.end(scenario, { sights: [], problems: [error.message], requests: { replies: 0, longestGapMs: 0 } })
  }
  if (keep) await stage.call('cluster.stop', { cluster: stage.cluster })
  else await stage.call('cluster.delete', { cluster: stage.cluster, name: scenario.name })
}

async function listShipped({ json }: RehearseOptions, { writeOut }: Surroundings): Promise<ExitCode> {
  const shipped = await shippedScenarios()
  if (json)
    writeOut(`${JSON.stringify({ scenarios: shipped.map(({ name, title, story }) => ({ name, title, story })) })}\n`)
  else writeOut(`${shipped.map(({ name, title }) => `${name.padEnd(20)}${title}`).join('\n')}\n`)
  return EXIT.done
}
