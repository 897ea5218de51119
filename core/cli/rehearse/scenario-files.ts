import { readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import type { Scenario } from '../../api/scenario.ts'
import { scenarioSchema } from '../../api/scenario.ts'
import { messageOf } from '../../base/errors.ts'
import { EXIT } from '../exit-codes.ts'
import { CommandError } from '../failure.ts'
import { KNOWN_NAMES, unknownNames } from './cast.ts'

const FOLDER = path.join(import.meta.dirname, 'scenarios')

/** The scenarios that come with Synod, in their order. */
export async function shippedScenarios(): Promise<Scenario[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.json')).toSorted()
  return Promise.all(names.map((name) => readScenario(path.join(FOLDER, name))))
}

/** By file, or one of the shipped by its name. @throws CommandError when it is not there, or is no scenario. */
export async function findScenario(named: string): Promise<Scenario> {
  const shipped = (await shippedScenarios()).find(({ name }) => name === named)
  return shipped ?? readScenario(named)
}

async function readScenario(file: string): Promise<Scenario> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refused(`${file} can't be read: ${messageOf(error)}. The shipped ones: npx synod rehearse --list`)
  })
  const parsed = v.safeParse(scenarioSchema, toJson(text, file))
  if (parsed.success) return played(parsed.output, file)
  const [issue] = parsed.issues
  const place = v.getDotPath(issue)
  throw refused(`${file} is no scenario: ${place === null ? '' : `${place}: `}${issue.message}. See docs/rehearse.md`)
}

/** @throws CommandError when it names a replica that no cluster of three has. */
function played(scenario: Scenario, file: string): Scenario {
  const unknown = unknownNames(scenario)
  if (unknown.length === 0) return scenario
  throw refused(`${file} names ${unknown.join(', ')}; there are ${KNOWN_NAMES.join(', ')}. See docs/rehearse.md`)
}

function toJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw refused(`${file} is not JSON: ${messageOf(error)}`)
  }
}

function refused(message: string): CommandError {
  return new CommandError({ code: 'SCENARIO_REFUSED', exit: EXIT.wrongArguments }, message)
}
