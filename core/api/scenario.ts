import * as v from 'valibot'
import { CONSOLE_REQUESTS } from './contract.ts'
import { FAULT_MS_MAX, faultSchema } from './faults.ts'

/**
 * A rehearsal that can be saved and played again: timed faults under a constant load, and what must be seen. In place of
 * a replica's name may stand `leader`, `follower-1`, `follower-2`: who that is as the scenario begins; and in a step
 * `leader-now`: who leads when its time has come.
 */

/** A scenario is over after an hour at the latest. Unit: ms. */
const SCENARIO_MS_MAX = 3_600_000

const ms = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(SCENARIO_MS_MAX))
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const replica = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const text = v.pipe(v.string(), v.minLength(1), v.maxLength(2000))

/** From the moment the load runs. */
const at = { atMs: ms }

export const scenarioStepSchema = v.variant('do', [
  v.strictObject({
    ...at,
    do: v.literal('inject'),
    fault: faultSchema,
    durationMs: v.optional(v.pipe(positive, v.maxValue(FAULT_MS_MAX))),
  }),
  /** Ends all that is injected. */
  v.strictObject({ ...at, do: v.literal('heal') }),
  v.strictObject({ ...at, do: v.literal('audit') }),
  v.strictObject({ ...at, do: v.literal('checkpoint') }),
  v.strictObject({ ...at, do: v.literal('stop'), replica }),
  v.strictObject({ ...at, do: v.literal('start'), replica }),
  /** From now on a request is sent so often. */
  v.strictObject({ ...at, do: v.literal('load'), everyMs: v.pipe(positive, v.maxValue(60_000)) }),
])
export type ScenarioStep = v.InferOutput<typeof scenarioStepSchema>

const within = { withinMs: ms }

export const expectationSchema = v.variant('what', [
  /** Every reply was the right one, and at the end nothing acknowledged is missing or there twice. */
  v.strictObject({ what: v.literal('no-wrong-reply') }),
  /** No request got FAIL or was refused; "busy", which is asked again, is none. */
  v.strictObject({ what: v.literal('no-failed-request') }),
  /** No stretch without a right reply was longer than this. */
  v.strictObject({ what: v.literal('served-again'), ...within }),
  /** Another one leads than as the scenario began; and because of that, if it is said. */
  v.strictObject({
    what: v.literal('leader-changes'),
    ...within,
    cause: v.optional(v.picklist(['silence', 'abdicated', 'lost-quorum', 'disk-stall'])),
  }),
  v.strictObject({ what: v.literal('leader-stays') }),
  /** The votes on some Input show that this replica gave another Output than the majority. */
  v.strictObject({ what: v.literal('vote-dissent'), ...within, replica }),
  /** An AUDIT found that it deviates. */
  v.strictObject({ what: v.literal('audit-finds'), ...within, replica }),
  /** The incident about it ended well: a majority agrees with it again. */
  v.strictObject({ what: v.literal('incident-repaired'), ...within, replica }),
  /** No fault is active on it any more, it runs, and has executed what was decided until then. */
  v.strictObject({ what: v.literal('replica-back'), ...within, replica }),
  /** After the load has ended: an AUDIT at which every replica holds the same State. Counted from the end of the load. */
  v.strictObject({ what: v.literal('all-level'), ...within }),
])
export type Expectation = v.InferOutput<typeof expectationSchema>

export const scenarioSchema = v.strictObject({
  /** For programs and files. */
  name: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a name of small letters, digits and hyphens')),
  title: text,
  /** What happens, for people. */
  story: text,
  /** How the cluster is founded. */
  settings: v.optional(v.omit(CONSOLE_REQUESTS['cluster.try'].argument, ['name']), {}),
  steps: v.pipe(v.array(scenarioStepSchema), v.minLength(1), v.maxLength(200)),
  expect: v.pipe(v.array(expectationSchema), v.minLength(1), v.maxLength(50)),
})
export type Scenario = v.InferOutput<typeof scenarioSchema>
