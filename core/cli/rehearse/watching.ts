import type { Expectation, Scenario, ScenarioStep } from '../../api/scenario.ts'
import type { ClusterView } from '../../api/views.ts'
import type { Stage } from '../demo/stage.ts'
import type { Cast } from './cast.ts'
import { NOW, wordsOf } from './cast.ts'

/** Newest first; what a scenario brings about is among them. */
const NEWEST = 100

/** What is watched for while the load runs. */
export type Watched = Extract<
  Expectation,
  { what: 'leader-changes' | 'vote-dissent' | 'audit-finds' | 'incident-repaired' | 'replica-back' }
>

export function isWatched(expectation: Expectation): expectation is Watched {
  const kinds = ['leader-changes', 'vote-dissent', 'audit-finds', 'incident-repaired', 'replica-back']
  return kinds.includes(expectation.what)
}

/** @returns what was seen, in words; undefined while it was not. */
export type Look = (view: ClusterView) => Promise<string | undefined>

interface Watch {
  readonly stage: Stage
  readonly cast: Cast
  readonly scenario: Scenario
  /** As the scenario began. */
  readonly before: ClusterView
  /** The replicas a step touched; undefined while it was not done. */
  readonly touched: (step: ScenarioStep) => readonly string[] | undefined
}

export function lookFor(expectation: Watched, watch: Watch): Look {
  const { stage, cast } = watch
  const { cluster } = stage
  switch (expectation.what) {
    case 'leader-changes':
      return async () => {
        const { elections } = await stage.call('cluster.elections', { cluster, limit: NEWEST })
        const { cause } = expectation
        const found = elections.find(
          (one) =>
            one.previous?.leader === cast.leader && one.leader !== cast.leader && (cause ?? one.cause) === one.cause,
        )
        return found && `${found.leader} leads in place of ${cast.leader}: ${found.cause}`
      }
    case 'vote-dissent': {
      const name = cast.name(expectation.replica)
      return async () => {
        const { slots } = await stage.call('cluster.votes', { cluster, limit: NEWEST })
        const found = slots.find(({ inputs }) =>
          inputs.some(({ votes }) => votes.some((vote) => vote.name === name && vote.sign === 'dissents')),
        )
        return found && `${name} dissents in slot ${found.slot}`
      }
    }
    case 'audit-finds': {
      const name = cast.name(expectation.replica)
      return async () => {
        const { audits } = await stage.call('cluster.audits', { cluster, limit: NEWEST })
        const found = audits.find(({ replicas }) =>
          replicas.some((one) => one.name === name && one.sign === 'deviates'),
        )
        return found && `${name} deviates at the AUDIT of slot ${found.slot}`
      }
    }
    case 'incident-repaired': {
      const name = cast.name(expectation.replica)
      return async () => {
        const { incidents } = await stage.call('cluster.incidents', { cluster, limit: NEWEST })
        const found = incidents.find(({ replica, state }) => replica === name && state === 'repaired')
        return found?.summary.replace(/\.$/, '')
      }
    }
    case 'replica-back':
      return lookForReturn(cast.name(expectation.replica), watch)
  }
}

/** After the last step on it, and when no fault is on it any more: it runs, and has what was decided until then. */
function lookForReturn(name: string, { scenario, cast, before, touched }: Watch): Look {
  const mayTouch = (step: ScenarioStep): boolean =>
    wordsOf(step).some((word) => word === NOW || cast.name(word) === name)
  const pidBefore = before.replicas.find((replica) => replica.name === name)?.pid
  let slotMin: number | undefined
  return (view) => {
    const replica = view.replicas.find((one) => one.name === name)
    const isToCome = scenario.steps.some((step) => touched(step) === undefined && mayTouch(step))
    if (replica === undefined || isToCome || replica.faults.length > 0) return Promise.resolve(undefined)
    const comesAsAnother = scenario.steps.some((step) => endsProcess(step) && touched(step)?.includes(name))
    slotMin ??= view.slotDecided
    const isBack = replica.process === 'running' && (!comesAsAnother || replica.pid !== pidBefore)
    if (!isBack || replica.slotExecuted < slotMin) return Promise.resolve(undefined)
    return Promise.resolve(`${name} runs and has executed slot ${replica.slotExecuted}`)
  }
}

function endsProcess(step: ScenarioStep): boolean {
  return step.do === 'stop' || (step.do === 'inject' && (step.fault.kind === 'kill' || step.fault.kind === 'disk-full'))
}
