import type { SlotVotesView } from '../api/views.ts'
import { messageOf } from '../base/errors.ts'
import type { EventHub } from './event-hub.ts'
import type { LocalCluster } from './local-cluster.ts'
import type { LocalReplica } from './local-replica.ts'

/** Unit: ms. Votes are fetched from the replicas at most this often, and only while somebody listens. */
const FETCH_MS = 150
/** Slots of one replica in one fetch; what is beyond is counted as dropped. */
const SLOTS_MAX = 60

/** Carries the votes to the consoles: pulled and coalesced, so a busy cluster or a slow window costs a replica nothing. */
export class VotesFeed {
  readonly #hub: EventHub
  readonly #clusters: () => readonly LocalCluster[]
  readonly #onTrouble: (cluster: string, message: string) => void
  /** Per process life: what was fetched already. */
  readonly #seen = new WeakMap<LocalReplica, { readonly pid: number | undefined; readonly version: number }>()
  #timer: NodeJS.Timeout | undefined
  #ended = false
  /** Clusters whose votes could not be shown; it was told of. */
  readonly #told = new Set<string>()

  /** `onTrouble`: the votes of a cluster can't be shown; once for each. */
  constructor(
    hub: EventHub,
    clusters: () => readonly LocalCluster[],
    onTrouble: (cluster: string, message: string) => void,
  ) {
    this.#hub = hub
    this.#clusters = clusters
    this.#onTrouble = onTrouble
  }

  /** Runs while somebody listens. */
  check(): void {
    const wanted = !this.#ended && this.#hub.hasListeners('votes.changed')
    if (!wanted) {
      clearTimeout(this.#timer)
      this.#timer = undefined
    } else {
      this.#timer ??= setTimeout(() => void this.#fetch(), FETCH_MS)
    }
  }

  end(): void {
    this.#ended = true
    this.check()
  }

  /** Never rejects. */
  async #fetch(): Promise<void> {
    const fetched = this.#clusters().map((cluster) =>
      this.#fetchCluster(cluster).catch((error: unknown) => {
        const { id } = cluster.file
        if (this.#told.has(id)) return
        this.#told.add(id)
        this.#onTrouble(id, `Votes can't be shown as they come: ${messageOf(error)}`)
      }),
    )
    await Promise.all(fetched)
    this.#timer = undefined
    this.check()
  }

  async #fetchCluster(cluster: LocalCluster): Promise<void> {
    const slots = new Map<number, SlotVotesView>()
    let dropped = 0
    for (const replica of cluster.replicas) {
      if (replica.state !== 'running') continue
      const known = this.#seen.get(replica)
      const seen = known?.pid === replica.pid ? (known?.version ?? 0) : 0
      const answer = await replica.votes({ versionAfter: seen, limit: SLOTS_MAX }).catch(() => undefined)
      if (answer === undefined) continue
      this.#seen.set(replica, { pid: replica.pid, version: answer.version })
      dropped += answer.more
      for (const slot of answer.slots) slots.set(slot.slot, cluster.slotView(slot))
    }
    if (slots.size === 0) return
    const newest = [...slots.values()].toSorted((left, right) => right.slot - left.slot)
    this.#hub.emit('votes.changed', { cluster: cluster.file.id, slots: newest, dropped })
  }
}
