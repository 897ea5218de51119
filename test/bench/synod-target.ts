import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsoleAnswer, ConsoleApi, ConsoleArgument, ConsoleRequestName } from '../../core/api/contract.ts'
import type { ClusterView, OutcomeView } from '../../core/api/views.ts'
import type { Doors, Host } from '../../core/index.ts'
import { forkLauncher, openDoors, openHost } from '../../core/index.ts'
import { JsonPoster } from './json-post.ts'
import type { MemberView, Target } from './target.ts'

const CLUSTER = 'bench'
/** Unit: ms. How long a client waits for its majority of Outputs. */
const TIMEOUT_MS = 20_000
const LOOK_MS = 25
const FOUNDED_MS_MAX = 60_000
const TOKEN = '#token='

type Submit = Omit<ConsoleArgument<'cluster.submit'>, 'cluster'>

/** One Input under way a client, numbered from 1. */
class Sequences {
  readonly #last = new Map<number, number>()

  put(client: number, key: string, value: string): Submit {
    const sequence = (this.#last.get(client) ?? 0) + 1
    this.#last.set(client, sequence)
    return { ...put(key, value), client: `bench-${client}`, sequence }
  }

  probe(number: number): Submit {
    return { ...put('probe', String(number)), client: `probe-${number}`, sequence: 1 }
  }
}

function put(key: string, value: string): Omit<Submit, 'client' | 'sequence'> {
  return { machine: 'kv', input: { op: 'set', key, value }, timeoutMs: TIMEOUT_MS }
}

function read(key: string): Omit<ConsoleArgument<'cluster.read'>, 'cluster'> {
  return { machine: 'kv', input: { op: 'get', key }, consistency: 'linearizable', timeoutMs: TIMEOUT_MS }
}

/** A headless host of three replica processes, and its clients, all in this process: asked through the ConsoleApi. */
export class SynodHost implements Target {
  readonly #host: Host
  readonly #sequences = new Sequences()
  #doors: Doors | undefined

  private constructor(host: Host) {
    this.#host = host
  }

  static async open(dataFolder: string): Promise<SynodHost> {
    const opened = new SynodHost(await openHost({ dataFolder, launcher: forkLauncher(), kind: 'headless' }))
    await call(opened.#host.api, 'cluster.try', { name: CLUSTER })
    const deadlineMs = performance.now() + FOUNDED_MS_MAX
    while (!(await opened.members()).every(({ isWell }) => isWell)) {
      if (performance.now() > deadlineMs) throw new Error('the cluster of Synod did not come up')
      await sleep(LOOK_MS)
    }
    return opened
  }

  async openDoor(): Promise<{ readonly url: string; readonly token: string }> {
    const { api, dataFolder } = this.#host
    this.#doors ??= await openDoors({ api, dataFolder, port: 0, trace: () => undefined })
    const { url, consoleUrl } = this.#doors
    return { url, token: consoleUrl.slice(consoleUrl.indexOf(TOKEN) + TOKEN.length) }
  }

  async put(client: number, key: string, value: string): Promise<void> {
    valueOf(await this.#submit(this.#sequences.put(client, key, value)))
  }

  async get(_client: number, key: string): Promise<unknown> {
    return heldIn(valueOf(await call(this.#host.api, 'cluster.read', { cluster: CLUSTER, ...read(key) })))
  }

  async probe(number: number): Promise<void> {
    valueOf(await this.#submit(this.#sequences.probe(number)))
  }

  async members(): Promise<readonly MemberView[]> {
    const { clusters } = await call(this.#host.api, 'host.view', {})
    return membersOf(clusters)
  }

  /** The host finds the leader by itself. */
  aim(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await this.#doors?.close()
    await this.#host.close()
  }

  #submit(submit: Submit): Promise<OutcomeView> {
    return call(this.#host.api, 'cluster.submit', { cluster: CLUSTER, ...submit })
  }
}

/** The same cluster asked over HTTP from a process of its own. */
export class SynodDoor implements Target {
  readonly #poster: JsonPoster
  readonly #sequences = new Sequences()

  constructor({ url, token }: { readonly url: string; readonly token: string }) {
    this.#poster = new JsonPoster(url, { authorization: `Bearer ${token}` })
  }

  async put(client: number, key: string, value: string): Promise<void> {
    valueOf((await this.#poster.post('/v1/inputs', this.#sequences.put(client, key, value))) as OutcomeView)
  }

  async get(_client: number, key: string): Promise<unknown> {
    return heldIn(valueOf((await this.#poster.post('/v1/reads', read(key))) as OutcomeView))
  }

  async probe(number: number): Promise<void> {
    valueOf((await this.#poster.post('/v1/inputs', this.#sequences.probe(number))) as OutcomeView)
  }

  async members(): Promise<readonly MemberView[]> {
    const { clusters } = (await this.#poster.get('/v1/status')) as { readonly clusters: readonly ClusterView[] }
    return membersOf(clusters)
  }

  aim(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#poster.close()
    return Promise.resolve()
  }
}

function membersOf(clusters: readonly ClusterView[]): readonly MemberView[] {
  const cluster = clusters.find(({ name }) => name === CLUSTER)
  if (cluster === undefined) throw new Error('the host lost its cluster')
  return cluster.replicas.map(({ name, pid, process: state, connectedTo }) => ({
    name,
    pid: pid ?? undefined,
    leads: cluster.leader === name,
    isWell: state === 'running' && cluster.phase === 'serving' && connectedTo.length === cluster.replicas.length - 1,
  }))
}

async function call<Name extends ConsoleRequestName>(
  api: ConsoleApi,
  name: Name,
  argument: ConsoleArgument<Name>,
): Promise<ConsoleAnswer<Name>> {
  const reply = await api.request(name, argument)
  if (reply.ok) return reply.value
  throw new Error(`${name}: ${reply.fault.code}: ${reply.fault.message}`)
}

/** @throws Error on FAIL, or when the machine refused. */
function valueOf(outcome: OutcomeView): unknown {
  if (outcome.kind === 'fail') throw new Error(`FAIL: ${outcome.message}`)
  if (outcome.output.ok) return outcome.output.value
  throw new Error(`refused: ${outcome.output.error.message}`)
}

function heldIn(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'value' in value ? value.value : undefined
}
