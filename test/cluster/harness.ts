import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsoleAnswer, ConsoleApi, ConsoleArgument, ConsoleRequestName } from '../../core/api/contract.ts'
import type { FaultArgument, InjectedView } from '../../core/api/faults.ts'
import type { ClusterView, OutcomeView } from '../../core/api/views.ts'
import type { Host, ReplicaLauncher } from '../../core/index.ts'
import { forkLauncher, openHost } from '../../core/index.ts'

const LOOK_MS = 25
const WAIT_MS_MAX = 60_000

/** A real host with real replica processes on a temporary folder. */
export class TestHost {
  readonly folder: string
  readonly #launcher: ReplicaLauncher
  #host: Host
  cluster = ''

  private constructor(folder: string, launcher: ReplicaLauncher, host: Host) {
    this.folder = folder
    this.#launcher = launcher
    this.#host = host
  }

  /** `parent`: of the data folder. */
  static async open(launcher: ReplicaLauncher = forkLauncher(), parent: string = tmpdir()): Promise<TestHost> {
    const folder = await mkdtemp(join(parent, 'synod-cluster-'))
    return new TestHost(folder, launcher, await openOn(folder, launcher))
  }

  /** Founds a cluster of three and waits until all are well. */
  async found(name = 'test', settings: Omit<ConsoleArgument<'cluster.try'>, 'name'> = {}): Promise<void> {
    const { cluster } = await this.call('cluster.try', { name, ...settings })
    this.cluster = cluster
    await this.until('all are well', isWell)
  }

  async reopen(): Promise<void> {
    await this.#host.close()
    this.#host = await openOn(this.folder, this.#launcher)
  }

  async close(): Promise<void> {
    await this.#host.close()
    await rm(this.folder, { recursive: true, force: true })
  }

  async closeHost(): Promise<void> {
    await this.#host.close()
  }

  async openHost(): Promise<void> {
    this.#host = await openOn(this.folder, this.#launcher)
  }

  get api(): ConsoleApi {
    return this.#host.api
  }

  request<Name extends ConsoleRequestName>(name: Name, argument: ConsoleArgument<Name>) {
    return this.#host.api.request(name, argument)
  }

  /** @throws Error with the fault's message. */
  async call<Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleAnswer<Name>> {
    const reply = await this.request(name, argument)
    if (reply.ok) return reply.value
    throw new Error(`${name}: ${reply.fault.code}: ${reply.fault.message}`)
  }

  inject(fault: FaultArgument, durationMs?: number): Promise<InjectedView> {
    const argument = { cluster: this.cluster, fault, ...(durationMs === undefined ? {} : { durationMs }) }
    return this.call('cluster.inject', argument)
  }

  async view(): Promise<ClusterView> {
    const { clusters } = await this.call('host.view', {})
    const view = clusters.find((cluster) => cluster.id === this.cluster)
    if (view === undefined) throw new Error('the cluster is gone')
    return view
  }

  async until(what: string, wanted: (view: ClusterView) => boolean): Promise<ClusterView> {
    return waitFor(what, async () => {
      const view = await this.view()
      return wanted(view) ? view : undefined
    })
  }

  submit(client: string, sequence: number, input: unknown, timeoutMs = 20_000): Promise<OutcomeView> {
    return this.call('cluster.submit', { cluster: this.cluster, client, sequence, machine: 'kv', input, timeoutMs })
  }

  /** The value of a majority Output. @throws Error on FAIL or a refusal. */
  async value(client: string, sequence: number, input: unknown): Promise<unknown> {
    return valueOf(await this.submit(client, sequence, input))
  }

  async read(input: unknown): Promise<unknown> {
    return valueOf(await this.call('cluster.read', { cluster: this.cluster, machine: 'kv', input, timeoutMs: 20_000 }))
  }

  async pids(): Promise<number[]> {
    const { replicas } = await this.view()
    return replicas.map(({ pid }) => pid).filter((pid) => pid !== null)
  }
}

export function valueOf(outcome: OutcomeView): unknown {
  if (outcome.kind === 'fail') throw new Error(`FAIL: ${outcome.message}`)
  if (!outcome.output.ok) throw new Error(`refused: ${outcome.output.error.message}`)
  return outcome.output.value
}

export function isWell(view: ClusterView): boolean {
  return view.phase === 'serving' && view.survivable === 1
}

/** Sends a signal; a process that has gone meanwhile needs none. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Looks until there is something. @throws Error that says what was waited for in vain. */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadlineMs = performance.now() + WAIT_MS_MAX
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > deadlineMs) throw new Error(`waited in vain: ${what}`)
    await sleep(LOOK_MS)
  }
}

function openOn(dataFolder: string, launcher: ReplicaLauncher): Promise<Host> {
  return openHost({ dataFolder, launcher, kind: 'headless' })
}
