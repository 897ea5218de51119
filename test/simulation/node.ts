import type { AuditPolicy } from '../../core/audit/policy.ts'
import type { Prng } from '../../core/base/prng.ts'
import { createPrng } from '../../core/base/prng.ts'
import type { CheckpointPolicy } from '../../core/checkpoint/policy.ts'
import { sha256 } from '../../core/crypto/hash.ts'
import { clusterId } from '../../core/model/ids.ts'
import type { Configuration } from '../../core/model/configuration.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import type { ClockReading } from '../../core/ports/clock.ts'
import type { Effect } from '../../core/replica/effects.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import type { ReplicaInit } from '../../core/replica/replica.ts'
import { Replica } from '../../core/replica/replica.ts'
import type { Message } from '../../core/wire/message.ts'
import { testSigner } from '../support/memory-disk.ts'
import type { DiskEffect } from './checkpoint-disk.ts'
import { CheckpointDisk } from './checkpoint-disk.ts'
import type { MachineClock } from './clock.ts'
import type { Persist, SimulatedDisk } from './disk.ts'
import { FlippableMachines } from './flippable-machines.ts'
import type { FaultPlan, FaultTally } from './faults.ts'
import { countdown } from './random.ts'

/** Unit: µs. The driver's tick, and how late the event loop may be with it. */
const TICK_US = 20_000
const TICK_LATE_US_MAX = 400
/** As the driver: events handled before what they caused is sent. */
const TURN_ITEMS_MAX = 512

const CLUSTER = clusterId('simulated')

type Item =
  | { readonly kind: 'event'; readonly event: ReplicaEvent }
  /** The completion of a sync, told to the process. */
  | { readonly kind: 'synced'; readonly persists: readonly Persist[] }

export type DeathCause = 'repair' | 'kill' | 'kill-at-boundary' | 'kill-ambush' | 'disk-full'

/** What a node does to the world around it. */
export interface NodeWorld {
  readonly nowUs: () => number
  readonly schedule: (afterUs: number, run: () => void) => void
  /** A message leaves the process. */
  readonly send: (from: number, to: ReplicaId, message: Message) => void
  /** An effect came out of the core; nothing was done about it yet. */
  readonly caused: (node: SimulatedNode, effect: Effect) => void
  /** A binding reply is about to leave, its record being durable. */
  readonly bound: (node: SimulatedNode, message: Message) => void
  /** The core is about to handle this. */
  readonly stepping: (node: SimulatedNode, event: ReplicaEvent) => void
  readonly stepped: (node: SimulatedNode, replica: Replica) => void
  readonly synced: (node: SimulatedNode, count: number) => void
  /** Checkpoints or the log are about to be changed on its disk. */
  readonly changing: (node: SimulatedNode, effect: DiskEffect) => void
  readonly died: (node: SimulatedNode, cause: DeathCause, lost: number) => void
}

interface NodeInit {
  readonly index: number
  readonly id: ReplicaId
  readonly configuration: Configuration
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly clock: MachineClock
  readonly disk: SimulatedDisk
  readonly tally: FaultTally
  readonly world: NodeWorld
  readonly lease: ReplicaInit['lease']
}

/**
 * One simulated machine: the shipping replica, driven as core/host/event-loop.ts drives it. Events gather while a turn
 * runs or the process is stopped; the messages of a turn leave at its end; what a message promises is durable before.
 * It can die at each of these boundaries.
 */
export class SimulatedNode {
  readonly index: number
  readonly id: ReplicaId
  readonly clock: MachineClock
  readonly disk: SimulatedDisk
  readonly checkpoints: CheckpointDisk
  readonly machines = new FlippableMachines()
  readonly #init: NodeInit
  /** Its next life begins in quarantine: an AUDIT found it at fault, and none has verified it since. */
  isQuarantined = false
  /** Nor is what it holds to be used: its State is to be received. */
  discardsState = false
  #replica: Replica | undefined
  #inbox: Item[] = []
  #life = 0
  #slotLoaded = 0
  #busyUntilUs = 0
  #wakes = false
  #stoppedUntilUs = 0
  #tickWaits = false
  #boundariesLeft = 0
  #sleeps = false
  #isInTurn = false
  #isCalm = false

  constructor(init: NodeInit) {
    this.index = init.index
    this.id = init.id
    this.clock = init.clock
    this.disk = init.disk
    this.#init = init
    this.checkpoints = new CheckpointDisk({
      disk: init.disk,
      prng: init.prng,
      plan: init.plan,
      tally: init.tally,
      isBad: init.index === init.plan.rottenDisk,
      isReceived: (slot) => {
        const transfer = this.#replica?.checkpoints.transfer
        return transfer?.phase === 'writing' && transfer.slot === slot
      },
      nowUs: init.world.nowUs,
      later: (afterUs, run) => {
        const life = this.#life
        init.world.schedule(afterUs, () => {
          if (life === this.#life) run()
        })
      },
      push: (event) => {
        this.deliver(event)
      },
      dies: () => this.#dies(),
      changing: (effect) => {
        init.world.changing(this, effect)
      },
    })
  }

  /** Undefined while the process is down. */
  get replica(): Replica | undefined {
    return this.#replica
  }

  /** Which life of its process this is, from 1. */
  get life(): number {
    return this.#life
  }

  /** Of the checkpoint this life began with. */
  get slotLoaded(): number {
    return this.#slotLoaded
  }

  get isStopped(): boolean {
    return this.#init.world.nowUs() < this.#stoppedUntilUs
  }

  start(): Replica {
    const { id: self, configuration, prng, plan, lease } = this.#init
    this.#life += 1
    this.machines.restore()
    const replica = new Replica({
      self,
      configuration,
      registry: this.machines.registry,
      hash: sha256,
      cluster: CLUSTER,
      signer: testSigner(self),
      checkpointPolicy: policyOf(plan),
      auditPolicy: auditPolicyOf(plan),
      isQuarantined: this.isQuarantined,
      discardsState: this.discardsState,
      logMemory: { bytesMax: 0, slotsMin: plan.logMemorySlots },
      life: `${self}-${this.#life}`,
      prng: createPrng(prng.between(0, 0x7fffffff)),
      ...(lease === undefined ? {} : { lease }),
    })
    this.checkpoints.opened()
    const loaded = this.discardsState ? undefined : this.checkpoints.load()
    this.#slotLoaded = loaded?.slot ?? 0
    replica.restore(this.checkpoints.infos, loaded)
    for (const record of this.disk.records) replica.recover(record)
    replica.start(this.#read())
    this.#replica = replica
    this.#busyUntilUs = 0
    this.#stoppedUntilUs = 0
    this.#boundariesLeft = this.#isCalm ? 0 : countdown(prng, plan.killOneBoundaryIn)
    this.#tickLater(this.#life)
    return replica
  }

  /** The process ends between two instructions; what it had not synced is there in part or not at all. */
  die(cause: DeathCause): void {
    if (this.#replica === undefined) return
    this.#replica = undefined
    this.#inbox = []
    this.#tickWaits = false
    this.#life += 1
    const lost = this.disk.lose()
    this.#init.world.died(this, cause, lost)
  }

  /** No more deaths at boundaries. */
  calm(): void {
    this.#isCalm = true
    this.#boundariesLeft = 0
    this.checkpoints.calm()
  }

  /** It dies at one of its next boundaries. */
  doom(boundaries: number): void {
    if (!this.#isCalm) this.#boundariesLeft = boundaries
  }

  deliver(event: ReplicaEvent): void {
    if (this.#replica === undefined) return
    if (this.#sleeps && this.isStopped && event.kind === 'message' && event.from !== this.id) return
    this.#inbox.push({ kind: 'event', event })
    this.#drain()
  }

  /**
   * SIGSTOP: nothing is handled for a while, what comes in waits. Syncs under way end meanwhile. Where the whole machine
   * `sleeps`, its network does too: what the others send is lost.
   */
  stop(forUs: number, sleeps: boolean): void {
    this.#sleeps = sleeps
    this.#stoppedUntilUs = Math.max(this.#stoppedUntilUs, this.#init.world.nowUs() + forUs)
  }

  /** SIGCONT. The first thing the process notices is a jump of its clocks, if it notices. */
  resume(noticing: ReplicaEvent | undefined): void {
    this.#stoppedUntilUs = 0
    if (this.#replica === undefined) return
    // Callers and replicas come on different sockets: which are read first is nobody's promise.
    if (this.#init.prng.chance(0.5))
      this.#inbox = [...this.#inbox.filter(isRequest), ...this.#inbox.filter(isNoRequest)]
    if (noticing !== undefined) this.#inbox.unshift({ kind: 'event', event: noticing })
    this.#drain()
  }

  #drain(): void {
    const { plan, prng, world } = this.#init
    if (this.#isInTurn) return
    while (this.#inbox.length > 0 && this.#replica !== undefined && !this.isStopped) {
      if (world.nowUs() < this.#busyUntilUs) {
        this.#wakeLater()
        return
      }
      const items = this.#inbox.length <= TURN_ITEMS_MAX ? this.#inbox : this.#inbox.slice(0, TURN_ITEMS_MAX)
      this.#inbox = items === this.#inbox ? [] : this.#inbox.slice(TURN_ITEMS_MAX)
      this.#isInTurn = true
      this.#turn(items)
      this.#isInTurn = false
      if (plan.turnUsMax > 0) this.#busyUntilUs = world.nowUs() + prng.between(0, plan.turnUsMax)
    }
  }

  #wakeLater(): void {
    if (this.#wakes) return
    this.#wakes = true
    this.#init.world.schedule(this.#busyUntilUs - this.#init.world.nowUs(), () => {
      this.#wakes = false
      this.#drain()
    })
  }

  #turn(items: readonly Item[]): void {
    const replica = this.#replica
    if (replica === undefined) return
    const effects: Effect[] = []
    for (const item of items) {
      if (item.kind === 'event') {
        if (item.event.kind === 'tick') this.#tickWaits = false
        this.#step(replica, item.event, effects)
        continue
      }
      this.#step(replica, { kind: 'persisted', count: item.persists.length }, effects)
      if (!this.#sendBound(item.persists)) return
    }
    for (const effect of replica.step({ kind: 'turn-ended' }, this.#read())) this.#caused(effect, effects)
    this.#init.world.stepped(this, replica)
    this.#perform(effects)
  }

  #step(replica: Replica, event: ReplicaEvent, effects: Effect[]): void {
    this.#init.world.stepping(this, event)
    for (const effect of replica.step(event, this.#read())) this.#caused(effect, effects)
    this.#init.world.stepped(this, replica)
  }

  #caused(effect: Effect, effects: Effect[]): void {
    effects.push(effect)
    this.#init.world.caused(this, effect)
  }

  /** The end of a turn: messages leave one by one, then the records go to the disk. */
  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) if (effect.kind === 'persist') this.disk.gather(effect)
    for (const effect of effects) {
      if (effect.kind === 'send') {
        if (this.#dies()) return
        this.#post(effect.to, effect.message)
      } else if (effect.kind !== 'persist' && effect.kind !== 'reply' && effect.kind !== 'note') {
        this.checkpoints.begin(effect)
      }
    }
    this.#sync()
  }

  #post(to: ReplicaId, message: Message): void {
    if (to === this.id) this.#inbox.push({ kind: 'event', event: { kind: 'message', from: to, message } })
    else this.#init.world.send(this.index, to, message)
  }

  /** @returns false when the process died on the way. */
  #sendBound(persists: readonly Persist[]): boolean {
    for (const { then } of persists) {
      if (then.length > 0 && this.#dies()) return false
      for (const { to, message } of then) {
        this.#init.world.bound(this, message)
        this.#post(to, message)
      }
    }
    return true
  }

  #sync(): void {
    const { world } = this.#init
    const endUs = this.disk.begin(world.nowUs())
    if (endUs === undefined || this.#dies()) return
    const life = this.#life
    world.schedule(endUs - world.nowUs(), () => {
      if (life !== this.#life) return
      // The driver's rule: an append that fails ends the process.
      if (this.disk.isFull(world.nowUs())) {
        this.die('disk-full')
        return
      }
      const persists = this.disk.finish()
      world.synced(this, persists.length)
      if (this.#dies()) return
      this.#sync()
      if (life !== this.#life) return
      this.#inbox.push({ kind: 'synced', persists })
      this.#drain()
    })
  }

  /** A boundary is passed. @returns whether the process died at it. */
  #dies(): boolean {
    if (this.#boundariesLeft === 0) return false
    this.#boundariesLeft -= 1
    if (this.#boundariesLeft > 0) return false
    this.die('kill-at-boundary')
    return true
  }

  #tickLater(life: number): void {
    const { world, prng } = this.#init
    world.schedule(TICK_US + prng.between(0, TICK_LATE_US_MAX), () => {
      if (life !== this.#life) return
      // An interval that fired while the loop could not run fires once.
      if (!this.#tickWaits) {
        this.#tickWaits = true
        this.deliver({ kind: 'tick' })
      }
      this.#tickLater(life)
    })
  }

  #read(): ClockReading {
    return this.clock.read(this.#init.world.nowUs())
  }
}

function policyOf(plan: FaultPlan): CheckpointPolicy {
  const slotsMax = plan.checkpointSlots === 0 ? Number.MAX_SAFE_INTEGER : plan.checkpointSlots
  return { slotsMax, bytesMax: Number.MAX_SAFE_INTEGER, tailSlots: plan.tailSlots }
}

function auditPolicyOf({ auditMs }: FaultPlan): AuditPolicy {
  const never = Number.MAX_SAFE_INTEGER
  return { slotsMax: never, intervalMs: auditMs === 0 ? never : auditMs }
}

function isRequest(item: Item): boolean {
  return item.kind === 'event' && (item.event.kind === 'submit' || item.event.kind === 'read')
}

function isNoRequest(item: Item): boolean {
  return !isRequest(item)
}
