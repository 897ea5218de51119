import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConsoleAnswer, ConsoleArgument, ConsoleRequestName } from '../../core/api/contract.ts'
import type { ClusterView, NoteView, OutcomeView, ReplicaView } from '../../core/api/views.ts'
import type { Host } from '../../core/index.ts'
import { forkLauncher, openHost } from '../../core/index.ts'

const CLUSTER = 'bench'
/** Unit: ms. How long a client waits for its majority of Outputs. */
const TIMEOUT_MS = 20_000
const LOOK_MS = 25
const FOUNDED_MS_MAX = 60_000
/** More than a run of some minutes sees. */
const ELECTIONS_MAX = 500

export type CheckpointPolicy = NonNullable<ConsoleArgument<'cluster.try'>['checkpointPolicy']>

/** Three replica processes of one headless host in this process, with their clients, in a folder of their own. */
export class BenchCluster {
  readonly #host: Host
  readonly #folder: string
  readonly #sequences = new Map<number, number>()

  private constructor(host: Host, folder: string) {
    this.#host = host
    this.#folder = folder
  }

  /** `checkpointPolicy`: Synod's own when absent. */
  static async open(below: string, checkpointPolicy?: CheckpointPolicy): Promise<BenchCluster> {
    const folder = await mkdtemp(join(below, 'synod-bench-'))
    const host = await openHost({ dataFolder: join(folder, 'data'), launcher: forkLauncher(), kind: 'headless' })
    const cluster = new BenchCluster(host, folder)
    try {
      const policy = checkpointPolicy === undefined ? {} : { checkpointPolicy }
      await cluster.#call('cluster.try', { name: CLUSTER, ...policy })
      await cluster.until('the cluster is up', isWell, FOUNDED_MS_MAX)
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  /** Closed loop: a client has one request under way. @throws Error on FAIL, or when the machine refused. */
  async put(client: number, key: string, value: string): Promise<void> {
    const sequence = (this.#sequences.get(client) ?? 0) + 1
    this.#sequences.set(client, sequence)
    const outcome = await this.#call('cluster.submit', {
      cluster: CLUSTER,
      client: `bench-${client}`,
      sequence,
      machine: 'kv',
      input: { op: 'set', key, value },
      timeoutMs: TIMEOUT_MS,
    })
    slotOf(outcome)
  }

  /** Orders a CHECKPOINT. @returns its slot. */
  async checkpoint(): Promise<number> {
    return slotOf(await this.#call('cluster.checkpoint', { cluster: CLUSTER, timeoutMs: TIMEOUT_MS }))
  }

  /** How many elections were seen so far. */
  async elections(): Promise<number> {
    const { elections } = await this.#call('cluster.elections', { cluster: CLUSTER, limit: ELECTIONS_MAX })
    return elections.length
  }

  async view(): Promise<ClusterView> {
    const { clusters } = await this.#call('host.view', {})
    const cluster = clusters.find(({ name }) => name === CLUSTER)
    if (cluster === undefined) throw new Error('the host lost its cluster')
    return cluster
  }

  /** Waits until the view shows it. @throws Error that names `what` when it takes longer. */
  async until(what: string, isShown: (view: ClusterView) => boolean, msMax: number): Promise<ClusterView> {
    const deadlineMs = performance.now() + msMax
    for (;;) {
      const view = await this.view()
      if (isShown(view)) return view
      if (performance.now() > deadlineMs) {
        throw new Error(`not in ${msMax / 1000} s: ${what}; ${JSON.stringify(view.replicas.map(shortly))}`)
      }
      await sleep(LOOK_MS)
    }
  }

  async stop(replica: string): Promise<void> {
    await this.#call('replica.stop', { cluster: CLUSTER, replica })
  }

  async start(replica: string): Promise<void> {
    await this.#call('replica.start', { cluster: CLUSTER, replica })
  }

  /** @returns the function that ends it. */
  onNote(listener: (note: NoteView) => void): () => void {
    return this.#host.api.subscribe('note.added', listener)
  }

  /** @returns the function that ends it. */
  onView(listener: (view: ClusterView) => void): () => void {
    return this.#host.api.subscribe('cluster.changed', listener)
  }

  /** Where a replica keeps its data. */
  async folderOf(replica: string): Promise<string> {
    const { id } = await this.view()
    return join(this.#host.dataFolder, 'clusters', id, 'replicas', replica)
  }

  /** Ends the processes and deletes the data. */
  async close(): Promise<void> {
    await this.#host.close()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #call<Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleAnswer<Name>> {
    const reply = await this.#host.api.request(name, argument)
    if (reply.ok) return reply.value
    throw new Error(`${name}: ${reply.fault.code}: ${reply.fault.message}`)
  }
}

/** All members run, see each other, and follow one leader. */
export function isWell({ phase, leader, replicas }: ClusterView): boolean {
  const all = replicas.every(
    ({ process: state, connectedTo, transfer }) =>
      state === 'running' && connectedTo.length === replicas.length - 1 && transfer === null,
  )
  return phase === 'serving' && leader !== null && all
}

export function replicaNamed({ replicas }: ClusterView, name: string): ReplicaView {
  const found = replicas.find((replica) => replica.name === name)
  if (found === undefined) throw new Error(`the cluster has no replica ${name}`)
  return found
}

function slotOf(outcome: OutcomeView): number {
  if (outcome.kind === 'fail') throw new Error(`FAIL: ${outcome.message}`)
  if (!outcome.output.ok) throw new Error(`refused: ${outcome.output.error.message}`)
  return outcome.slot
}

function shortly({ name, process: state, slotExecuted, storage, transfer, problem }: ReplicaView): object {
  const checkpoints = storage.checkpoints.map(({ slot, stable }) => `${slot}${stable ? '' : ' (not stable)'}`)
  return { name, state, slotExecuted, checkpoints, writing: storage.writing, transfer, problem }
}
