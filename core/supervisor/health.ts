import type { InjectedView } from '../api/faults.ts'
import type { ClusterView } from '../api/views.ts'
import type { LocalReplica } from './local-replica.ts'

export interface HealthFacts {
  readonly phase: ClusterView['phase']
  readonly replicas: readonly LocalReplica[]
  readonly total: number
  readonly quorum: number
  readonly running: number
  /** They run, and are not in quarantine. */
  readonly counting: number
  readonly survivable: number
  readonly leader: string | undefined
  readonly injected: readonly InjectedView[]
  readonly audit: ClusterView['audit']
  /** Names of those that were stopped because they deviate. */
  readonly givenUp: readonly string[]
}

type Health = ClusterView['health']

/** One sentence or two, the worst fact first. */
export function healthOf(facts: HealthFacts): Health {
  return notServing(facts) ?? deviating(facts) ?? weakened(facts) ?? well(facts)
}

function notServing({ phase, replicas, total, quorum, running, counting }: HealthFacts): Health | undefined {
  switch (phase) {
    case 'serving':
      return undefined
    case 'stopped':
      return attention('Stopped. Nothing is served; the log is kept.')
    case 'founding':
      return attention(`Starting. ${running} of ${total} replicas run; a leader is being elected.`)
    case 'no-quorum':
      break
  }
  const missing = quorum - running
  if (missing > 0) {
    const until = `until ${missing} more ${missing === 1 ? 'starts' : 'start'}`
    return danger(`No majority: ${running} of ${total} replicas run, ${quorum} are needed. Requests fail ${until}.`)
  }
  if (counting < quorum) {
    const who = quarantined(replicas)
    return danger(
      `No majority: the Outputs of ${counting} of ${total} replicas count, ${quorum} are needed; ` +
        `${who.join(', ')} ${are(who)} in quarantine. Requests fail until ${they(who)} verified.`,
    )
  }
  return danger('No leader: an election is under way. Requests wait.')
}

/** What an AUDIT found, and what a person must look at. */
function deviating(facts: HealthFacts): Health | undefined {
  const { audit, replicas, total, survivable, givenUp } = facts
  if (audit?.verdict === 'no-majority') {
    return danger(
      'The last AUDIT found no majority: the replicas hold different States, and nobody can tell who is right. ' +
        'See what each says with "synod audits", and repair the one you suspect.',
    )
  }
  const who = quarantined(replicas)
  const lose = survivable === 0 ? 'No failure is survivable now' : `Can lose ${survivable} of ${total}`
  if (givenUp.length > 0) {
    const what = `${givenUp.join(', ')} deviated from the majority, could not be repaired, and ${was(givenUp)} stopped`
    return danger(`${what}. ${lose}.${led(facts)}`)
  }
  if (who.length === 0) return undefined
  return attention(
    `${who.join(', ')} ${are(who)} in quarantine until an AUDIT verified ${it(who)}. ${lose}.${led(facts)}`,
  )
}

function weakened(facts: HealthFacts): Health | undefined {
  const { replicas, total, counting, survivable } = facts
  const away = replicas.filter((replica) => replica.state !== 'running').map((replica) => replica.name)
  const liars = replicas.filter((replica) => replica.report?.lies === true).map((replica) => replica.name)
  if (survivable === 0) {
    const who = away.length > 0 ? ` ${away.join(', ')} ${are(away)} down.` : ''
    return attention(`No failure is survivable now: ${counting} of ${total} replicas run.${who}${led(facts)}`)
  }
  if (liars.length > 0) {
    const who = `${liars.join(', ')} lies (injected) and is outvoted`
    return attention(`${who}. Can lose ${survivable} of ${total}.${led(facts)}`)
  }
  const receiving = replicas.filter((replica) => replica.report?.transfer !== undefined).map((replica) => replica.name)
  if (receiving.length > 0) {
    const who = `${receiving.join(', ')} ${receiving.length === 1 ? 'receives' : 'receive'} the State`
    return attention(`${who} from the others. Can lose ${survivable} of ${total}.${led(facts)}`)
  }
  if (facts.injected.length > 0) {
    const what = facts.injected.map(({ text }) => text).join('; ')
    return attention(`Injected: ${what}. Can lose ${survivable} of ${total}.${led(facts)}`)
  }
  if (away.length === 0) return undefined
  return attention(`${away.join(', ')} down. Can lose ${survivable} more of ${total}.${led(facts)}`)
}

function well(facts: HealthFacts): Health {
  return { level: 'good', sentence: `Healthy. Can lose ${facts.survivable} of ${facts.total}.${led(facts)}` }
}

function quarantined(replicas: readonly LocalReplica[]): readonly string[] {
  return replicas.filter(({ report }) => report?.isQuarantined === true).map(({ name }) => name)
}

function led({ leader }: HealthFacts): string {
  return leader === undefined ? '' : ` Leader: ${leader}.`
}

function attention(sentence: string): Health {
  return { level: 'attention', sentence }
}

function danger(sentence: string): Health {
  return { level: 'danger', sentence }
}

function are(names: readonly string[]): string {
  return names.length === 1 ? 'is' : 'are'
}

function was(names: readonly string[]): string {
  return names.length === 1 ? 'was' : 'were'
}

function it(names: readonly string[]): string {
  return names.length === 1 ? 'it' : 'them'
}

function they(names: readonly string[]): string {
  return names.length === 1 ? 'it is' : 'they are'
}
