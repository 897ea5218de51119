import { setTimeout as sleep } from 'node:timers/promises'
import type { IncidentView } from '../../api/audit-views.ts'
import type { ConsoleAnswer, ConsoleArgument, ConsoleReply, ConsoleRequestName } from '../../api/contract.ts'
import type { ClusterView, OutcomeView, SlotVotesView } from '../../api/views.ts'
import type { ServedHost } from '../surroundings.ts'
import { StoryError } from './story.ts'

const LOOK_MS = 25
const WAIT_MS_MAX = 30_000

type Submitted = Extract<OutcomeView, { kind: 'output' }>

/** The hands of the demo and of rehearsals: a real host on a temporary folder, and the calls a console would make. */
export class Stage {
  readonly #openHost: () => Promise<ServedHost>
  #host: ServedHost | undefined
  #cluster = ''

  constructor(openHost: () => Promise<ServedHost>) {
    this.#openHost = openHost
  }

  async open(): Promise<void> {
    this.#host = await this.#openHost()
  }

  async close(): Promise<void> {
    const host = this.#host
    this.#host = undefined
    await host?.close()
  }

  get isOpen(): boolean {
    return this.#host !== undefined
  }

  async found(name: string, settings: Omit<ConsoleArgument<'cluster.try'>, 'name'> = {}): Promise<void> {
    const { cluster } = await this.call('cluster.try', { name, ...settings })
    this.#cluster = cluster
  }

  get cluster(): string {
    return this.#cluster
  }

  async call<Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleAnswer<Name>> {
    const reply = await this.request(name, argument)
    if (reply.ok) return reply.value
    throw new StoryError(`${name}: ${reply.fault.message}`)
  }

  /** The same call with its refusal as a value. */
  async request<Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleReply<ConsoleAnswer<Name>>> {
    if (this.#host === undefined) throw new StoryError('the host is not open')
    return this.#host.api.request(name, argument)
  }

  async view(): Promise<ClusterView> {
    const host = await this.call('host.view', {})
    const view = host.clusters.find((cluster) => cluster.id === this.#cluster)
    if (view === undefined) throw new StoryError('the cluster is gone')
    return view
  }

  /** Waits until the view is as wanted. @throws StoryError with the last view's health after half a minute. */
  async until(what: string, wanted: (view: ClusterView) => boolean): Promise<ClusterView> {
    let sentence = ''
    const look = async (): Promise<ClusterView | undefined> => {
      const view = await this.view()
      sentence = view.health.sentence
      return wanted(view) ? view : undefined
    }
    return poll(look, () => `until ${what}: ${sentence}`)
  }

  async submit(input: {
    readonly client?: string
    readonly sequence: number
    readonly machine?: string
    readonly input: unknown
    readonly timeoutMs?: number
  }): Promise<OutcomeView> {
    return this.call('cluster.submit', { cluster: this.#cluster, client: 'demo', machine: 'kv', ...input })
  }

  /** Submits and wants a majority Output. @throws StoryError on FAIL. */
  async output(input: Parameters<Stage['submit']>[0]): Promise<Submitted> {
    const outcome = await this.submit(input)
    if (outcome.kind === 'output') return outcome
    throw new StoryError(outcome.kind === 'fail' ? `FAIL: ${outcome.message}` : 'a stale Output')
  }

  /** The votes on a slot once they are as wanted: the last of them may come after the reply. */
  async votes(slot: number, wanted: (votes: SlotVotesView) => boolean): Promise<SlotVotesView> {
    const look = async (): Promise<SlotVotesView | undefined> => {
      const { slots } = await this.call('cluster.votes', { cluster: this.#cluster, limit: 500 })
      return slots.find((candidate) => candidate.slot === slot && wanted(candidate))
    }
    return poll(look, () => `for the votes on slot ${slot}`)
  }

  /** The newest incident about a replica that is as wanted. */
  async incident(replica: string, wanted: (incident: IncidentView) => boolean): Promise<IncidentView> {
    const look = async (): Promise<IncidentView | undefined> => {
      const { incidents } = await this.call('cluster.incidents', { cluster: this.#cluster, limit: 100 })
      return incidents.find((incident) => incident.replica === replica && wanted(incident))
    }
    return poll(look, () => `for the incident about ${replica}`)
  }
}

/** Looks until there is something to see. @throws StoryError that says what for, after half a minute. */
async function poll<T>(look: () => Promise<T | undefined>, what: () => string): Promise<T> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > deadlineMs) throw new StoryError(`waited in vain ${what()}`)
    await sleep(LOOK_MS)
  }
}
