import { setTimeout as sleep } from 'node:timers/promises'
import type { Expectation, Scenario, ScenarioStep } from '../../api/scenario.ts'
import type { ClusterView, OutcomeView } from '../../api/views.ts'
import type { Stage } from '../demo/stage.ts'
import { StoryError } from '../demo/story.ts'
import { Cast } from './cast.ts'
import { Load } from './load.ts'
import type { Look, Watched } from './watching.ts'
import { isWatched, lookFor } from './watching.ts'

/** Unit: ms. */
const LOOK_MS = 50
/** The load warms up before the scenario's clock starts. Unit: requests. */
const WARM_REPLIES = 20
const WARM_MS_MAX = 20_000
/** A key that nobody touches later: what happens to it no vote can show. */
const REMAINDER = 'untouched'
/** An AUDIT is ordered, and all have reported, within this; else it is tried again. Unit: ms. */
const AUDIT_MS = 3_000

/** One expectation, and what came of it. */
export interface Sight {
  readonly expectation: Expectation
  readonly seen: boolean
  /** In words: what was seen, or what was there instead. */
  readonly detail: string
}

export interface Seen {
  readonly sights: readonly Sight[]
  /** Steps that could not be done, in words. */
  readonly problems: readonly string[]
  readonly requests: { readonly replies: number; readonly longestGapMs: number }
}

interface RunInit {
  readonly stage: Stage
  readonly scenario: Scenario
  /** A step was done. `atMs`: by the scenario's clock. */
  readonly onStep: (atMs: number, words: string) => void
}

/** Plays one scenario on a cluster of its own, which it leaves as it is. */
export class Run {
  readonly #init: RunInit
  readonly #load: Load
  readonly #touched = new Map<ScenarioStep, readonly string[]>()
  readonly #problems: string[] = []
  readonly #seen = new Map<Watched, string>()
  #startedMs = 0

  constructor(init: RunInit) {
    this.#init = init
    this.#load = new Load(init.stage)
  }

  /** @throws StoryError when the cluster does not come up, or is gone. */
  async play(): Promise<Seen> {
    const { stage, scenario } = this.#init
    await stage.found(scenario.name, scenario.settings)
    await stage.until('all are well', ({ phase, survivable }) => phase === 'serving' && survivable > 0)
    await this.#load.leave(REMAINDER)
    try {
      return await this.#underLoad()
    } finally {
      await this.#load.stop()
    }
  }

  async #underLoad(): Promise<Seen> {
    const { stage, scenario } = this.#init
    this.#load.start()
    await this.#warmUp()
    const before = await stage.until('a leader is known', ({ leader }) => leader !== null)
    const cast = new Cast(before)
    this.#startedMs = performance.now()
    await Promise.all([this.#playSteps(cast), this.#watch(cast, before)])
    await this.#untilHealed()
    await this.#load.stop()
    const { gapMs } = this.#load
    const sights: Sight[] = []
    await this.#load.verify()
    for (const expectation of scenario.expect) sights.push(await this.#sightOf(expectation, cast, gapMs))
    return { sights, problems: this.#problems, requests: { replies: this.#load.replies, longestGapMs: gapMs } }
  }

  get #nowMs(): number {
    return Math.round(performance.now() - this.#startedMs)
  }

  async #warmUp(): Promise<void> {
    const deadlineMs = performance.now() + WARM_MS_MAX
    while (this.#load.replies < WARM_REPLIES) {
      if (performance.now() > deadlineMs) throw new StoryError('the cluster answers no request')
      await sleep(LOOK_MS)
    }
  }

  async #playSteps(cast: Cast): Promise<void> {
    const { scenario, onStep } = this.#init
    const playing: Promise<void>[] = []
    for (const step of scenario.steps.toSorted((left, right) => left.atMs - right.atMs)) {
      await sleep(Math.max(0, step.atMs - this.#nowMs))
      // Not waited for: an AUDIT that waits for a leader must not hold up what comes next.
      const played = this.#playStep(step, cast).then(
        ({ words, names }) => {
          this.#touched.set(step, names)
          onStep(this.#nowMs, words)
        },
        (error: unknown) => {
          if (!(error instanceof StoryError)) throw error
          this.#touched.set(step, [])
          this.#problems.push(`step at ${step.atMs} ms, ${step.do}: ${error.message}`)
        },
      )
      playing.push(played)
    }
    await Promise.all(playing)
  }

  /** @returns what was done, and to whom. */
  async #playStep(
    step: ScenarioStep,
    cast: Cast,
  ): Promise<{ readonly words: string; readonly names: readonly string[] }> {
    const { stage } = this.#init
    const { cluster } = stage
    switch (step.do) {
      case 'inject': {
        const { leader } = await stage.view()
        const fault = cast.fault(step.fault, leader)
        const { durationMs } = step
        const argument = { cluster, fault, ...(durationMs === undefined ? {} : { durationMs }) }
        const { text } = await stage.call('cluster.inject', argument)
        return { words: text, names: 'replica' in fault ? [fault.replica] : [fault.from, fault.to] }
      }
      case 'heal':
        await stage.call('cluster.heal', { cluster })
        return { words: 'all faults end', names: [] }
      case 'audit': {
        const outcome = await stage.call('cluster.audit', { cluster })
        return { words: orderedWords('AUDIT', outcome), names: [] }
      }
      case 'checkpoint': {
        const outcome = await stage.call('cluster.checkpoint', { cluster })
        return { words: orderedWords('CHECKPOINT', outcome), names: [] }
      }
      case 'stop':
      case 'start': {
        const { leader } = await stage.view()
        const replica = cast.name(step.replica, leader)
        await stage.call(`replica.${step.do}`, { cluster, replica })
        return { words: `${replica} is ${step.do === 'stop' ? 'stopped' : 'started'}`, names: [replica] }
      }
      case 'load':
        this.#load.start(step.everyMs)
        return { words: `a request every ${step.everyMs} ms`, names: [] }
    }
  }

  /** Until all that is watched for was seen, or its time is over. */
  async #watch(cast: Cast, before: ClusterView): Promise<void> {
    const { stage, scenario } = this.#init
    const touched = (step: ScenarioStep): readonly string[] | undefined => this.#touched.get(step)
    const looks = new Map<Watched, Look>()
    for (const expectation of scenario.expect.filter(isWatched)) {
      looks.set(expectation, lookFor(expectation, { stage, cast, scenario, before, touched }))
    }
    while (looks.size > 0) {
      const view = await stage.view()
      for (const [expectation, look] of looks) {
        const atMs = this.#nowMs
        const detail = await look(view)
        if (detail !== undefined) this.#seen.set(expectation, `${detail}, after ${atMs} ms`)
        if (detail !== undefined || atMs > expectation.withinMs) looks.delete(expectation)
      }
      await sleep(LOOK_MS)
    }
  }

  async #untilHealed(): Promise<void> {
    const { stage } = this.#init
    for (;;) {
      const { injected } = await stage.view()
      if (injected.length === 0) return
      await sleep(LOOK_MS)
    }
  }

  async #sightOf(expectation: Expectation, cast: Cast, gapMs: number): Promise<Sight> {
    switch (expectation.what) {
      case 'no-wrong-reply': {
        const { count, told } = this.#load.wrong
        const { replies } = this.#load
        const detail =
          count === 0 ? `${replies} replies, each right; nothing is missing` : `${count} wrong: ${told.join('; ')}`
        return { expectation, seen: count === 0 && replies > 0, detail }
      }
      case 'no-failed-request': {
        const { count, told } = this.#load.failed
        return { expectation, seen: count === 0, detail: count === 0 ? 'none' : `${count} failed: ${told.join('; ')}` }
      }
      case 'served-again':
        return {
          expectation,
          seen: gapMs <= expectation.withinMs,
          detail: `never longer than ${gapMs} ms without a reply`,
        }
      case 'leader-stays': {
        const { leader } = await this.#init.stage.view()
        return { expectation, seen: leader === cast.leader, detail: `${String(leader)} leads` }
      }
      case 'all-level':
        return this.#level(expectation)
      default: {
        const detail = this.#seen.get(expectation)
        return { expectation, seen: detail !== undefined, detail: detail ?? `not within ${expectation.withinMs} ms` }
      }
    }
  }

  async #level(expectation: Extract<Expectation, { what: 'all-level' }>): Promise<Sight> {
    const deadlineMs = performance.now() + expectation.withinMs
    let detail = 'no AUDIT came to a verdict'
    do {
      const { stage } = this.#init
      const { cluster } = stage
      const ordered = await stage.call('cluster.audit', { cluster })
      const slot = ordered.kind === 'output' ? ordered.slot : Infinity
      const againMs = Math.min(deadlineMs, performance.now() + AUDIT_MS)
      do {
        const { audits } = await stage.call('cluster.audits', { cluster, limit: 1 })
        const [audit] = audits
        const roots = new Set(audit?.replicas.map(({ root }) => root))
        const agrees = audit?.replicas.every(({ sign }) => sign === 'agrees') ?? false
        if (audit !== undefined && audit.slot >= slot && agrees && roots.size === 1) {
          return { expectation, seen: true, detail: `slot ${audit.slot}, root ${[...roots].join().slice(0, 6)}` }
        }
        if (audit !== undefined) {
          detail = `at slot ${audit.slot}: ${audit.replicas.map(({ name, sign }) => `${name} ${sign}`).join(', ')}`
        }
        await sleep(LOOK_MS)
      } while (performance.now() < againMs)
    } while (performance.now() < deadlineMs)
    return { expectation, seen: false, detail }
  }
}

function orderedWords(what: string, outcome: OutcomeView): string {
  return outcome.kind === 'output' ? `${what} at slot ${outcome.slot}` : `${what}: FAIL`
}
