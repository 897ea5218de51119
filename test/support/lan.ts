import type { AuditPolicy } from '../../core/audit/policy.ts'
import type { CheckpointPolicy } from '../../core/checkpoint/policy.ts'
import type { LogMemory } from '../../core/log/recent-batches.ts'
import { createPrng } from '../../core/base/prng.ts'
import { sha256 } from '../../core/crypto/hash.ts'
import { builtInMachines, createRegistry } from '../../core/machine/registry.ts'
import type { CanonicalValue } from '../../core/model/canonical.ts'
import { encodeCanonical } from '../../core/model/canonical.ts'
import type { Configuration } from '../../core/model/configuration.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { clientId, clusterId, sequence } from '../../core/model/ids.ts'
import type { LogRecord } from '../../core/model/record.ts'
import type { Effect, Note, Reply } from '../../core/replica/effects.ts'
import type { ReplicaEvent } from '../../core/replica/events.ts'
import { Replica } from '../../core/replica/replica.ts'
import type { Message } from '../../core/wire/message.ts'
import { MemoryCheckpoints, dropRecords, droppable, readSlots, testSigner } from './memory-disk.ts'

/** Unit: ms of virtual time. */
const TICK_MS = 20
/** An AUDIT comes only when a test orders one. */
const NO_AUDITS: AuditPolicy = { slotsMax: Number.MAX_SAFE_INTEGER, intervalMs: Number.MAX_SAFE_INTEGER }
const WALL_MS = 1_700_000_000_000

export interface Sent {
  readonly from: ReplicaId
  readonly to: ReplicaId
  readonly message: Message
}

export type DiskEffect = Exclude<Effect, { kind: 'send' | 'persist' | 'reply' | 'note' }>

interface Node {
  replica: Replica
  readonly durable: LogRecord[]
  checkpoints: MemoryCheckpoints
  lives: number
}

/**
 * Shipping replicas on one perfect LAN in virtual time: messages arrive at once and in order, disks sync at once;
 * a test cuts off whom it wants and drops what it wants.
 */
export class Lan {
  readonly #configuration: Configuration
  readonly #policy: Partial<CheckpointPolicy> | undefined
  readonly #logMemory: LogMemory | undefined
  readonly #auditPolicy: AuditPolicy
  readonly #nodes = new Map<ReplicaId, Node>()
  readonly #cut = new Set<ReplicaId>()
  readonly #queue: Sent[] = []
  readonly #events: { readonly id: ReplicaId; readonly event: ReplicaEvent }[] = []
  readonly notes: { readonly replica: ReplicaId; readonly note: Note }[] = []
  readonly #replies = new Map<number, Reply>()
  #requests = 0
  #nowMs = 0
  /** Everything sent between different replicas, whether it arrived or not. */
  readonly sent: Sent[] = []
  /** A test's own faults: what it refuses is lost. */
  passes: (sent: Sent) => boolean = () => true
  /** A test's own disk: what it refuses is not done, and nothing is heard of it. */
  performs: (id: ReplicaId, effect: DiskEffect) => boolean = () => true

  constructor(
    configuration: Configuration,
    policy?: Partial<CheckpointPolicy>,
    logMemory?: LogMemory,
    auditPolicy: AuditPolicy = NO_AUDITS,
  ) {
    this.#auditPolicy = auditPolicy
    this.#configuration = configuration
    this.#policy = policy
    this.#logMemory = logMemory
    for (const { replica } of configuration.members) {
      const node: Node = {
        replica: this.#replica(replica, 1),
        durable: [],
        checkpoints: new MemoryCheckpoints(),
        lives: 1,
      }
      node.replica.start(this.#clock())
      this.#nodes.set(replica, node)
    }
  }

  get nowMs(): number {
    return this.#nowMs
  }

  replica(id: ReplicaId): Replica {
    return this.#node(id).replica
  }

  durable(id: ReplicaId): readonly LogRecord[] {
    return this.#node(id).durable
  }

  checkpoints(id: ReplicaId): MemoryCheckpoints {
    return this.#node(id).checkpoints
  }

  /** The operator's CHECKPOINT at this replica. @returns the request's number. */
  checkpoint(proxy: ReplicaId): number {
    const request = (this.#requests += 1)
    this.step(proxy, { kind: 'checkpoint', request, timeoutMs: 5_000 })
    return request
  }

  /** The operator's AUDIT at this replica. @returns the request's number. */
  audit(proxy: ReplicaId): number {
    const request = (this.#requests += 1)
    this.step(proxy, { kind: 'audit', request, timeoutMs: 5_000 })
    return request
  }

  /** From now on nothing reaches this replica, and nothing leaves it. */
  cut(id: ReplicaId): void {
    this.#cut.add(id)
  }

  uncut(id: ReplicaId): void {
    this.#cut.delete(id)
  }

  heal(): void {
    this.#cut.clear()
    this.passes = () => true
    this.performs = () => true
  }

  /** The process dies and comes back from its durable records. */
  restart(id: ReplicaId, { isQuarantined = false } = {}): void {
    const node = this.#node(id)
    node.lives += 1
    node.replica = this.#replica(id, node.lives, isQuarantined)
    node.replica.restore(node.checkpoints.infos, node.checkpoints.load())
    for (const record of node.durable) node.replica.recover(record)
    node.replica.start(this.#clock())
  }

  step(id: ReplicaId, ...events: readonly ReplicaEvent[]): void {
    for (const event of events) this.#perform(id, this.#node(id).replica.step(event, this.#clock()))
    this.#perform(id, this.#node(id).replica.step({ kind: 'turn-ended' }, this.#clock()))
    this.#deliver()
  }

  /** Lets virtual time pass, every replica ticking. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      this.#nowMs += TICK_MS
      for (const id of this.#nodes.keys()) this.step(id, { kind: 'tick' })
    }
  }

  /** @returns who leads, as soon as all replicas that are not cut off agree on it. */
  elect(): ReplicaId {
    for (let tries = 0; tries < 500; tries += 1) {
      this.pass(TICK_MS)
      const reachable = [...this.#nodes.keys()].filter((id) => !this.#cut.has(id))
      const leaders = new Set(reachable.map((id) => this.replica(id).status.leader))
      const [leader] = leaders
      if (leaders.size !== 1 || leader === undefined || this.#cut.has(leader)) continue
      if (this.replica(leader).status.role === 'leader') return leader
    }
    throw new Error('nobody was elected')
  }

  /** A client's Input at this replica. @returns the request's number. */
  submit(
    proxy: ReplicaId,
    input: {
      readonly value: CanonicalValue
      readonly client?: string
      readonly sequence?: number
      readonly machine?: string
      readonly timeoutMs?: number
      readonly proof?: boolean
    },
  ): number {
    const request = (this.#requests += 1)
    this.step(proxy, {
      kind: 'submit',
      request,
      client: clientId(input.client ?? 'alice'),
      sequence: sequence(input.sequence ?? 1),
      machine: input.machine ?? 'kv',
      payload: encodeCanonical(input.value),
      timeoutMs: input.timeoutMs ?? 5_000,
      proof: input.proof,
    })
    return request
  }

  read(
    proxy: ReplicaId,
    value: CanonicalValue,
    consistency: 'linearizable' | 'stale',
    { proof = false }: { readonly proof?: boolean } = {},
  ): number {
    const request = (this.#requests += 1)
    const payload = encodeCanonical(value)
    this.step(proxy, { kind: 'read', request, machine: 'kv', payload, consistency, timeoutMs: 5_000, proof })
    return request
  }

  reply(request: number): Reply | undefined {
    return this.#replies.get(request)
  }

  /** Who agrees, dissents, and so on, in the order of the members: "agrees agrees none". */
  signs(request: number): string | undefined {
    const reply = this.#replies.get(request)
    return reply !== undefined && 'votes' in reply ? reply.votes.map((vote) => vote.sign).join(' ') : undefined
  }

  #replica(self: ReplicaId, life: number, isQuarantined = false): Replica {
    return new Replica({
      self,
      cluster: clusterId('1a'.repeat(16)),
      configuration: this.#configuration,
      signer: testSigner(self),
      checkpointPolicy: this.#policy,
      logMemory: this.#logMemory,
      auditPolicy: this.#auditPolicy,
      isQuarantined,
      registry: createRegistry(builtInMachines),
      hash: sha256,
      life: `${self}${life}`,
      prng: createPrng(self.charCodeAt(0) * 1_000 + life),
    })
  }

  #perform(from: ReplicaId, effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'send':
          this.#send({ from, to: effect.to, message: effect.message })
          break
        case 'persist':
          this.#node(from).durable.push(effect.record)
          this.#perform(from, this.#node(from).replica.step({ kind: 'persisted', count: 1 }, this.#clock()))
          for (const { to, message } of effect.then) this.#send({ from, to, message })
          break
        case 'reply':
          if (this.#replies.has(effect.request)) throw new Error(`request ${effect.request} was answered twice`)
          this.#replies.set(effect.request, effect.reply)
          break
        case 'note':
          this.notes.push({ replica: from, note: effect.note })
          break
        default:
          this.#onDisk(from, effect)
      }
    }
  }

  /** What takes a while on a disk is done at once here; its outcome is the next event. */
  #onDisk(id: ReplicaId, effect: DiskEffect): void {
    if (!this.performs(id, effect)) return
    const { durable, checkpoints } = this.#node(id)
    switch (effect.kind) {
      case 'read-log': {
        const slots = readSlots(durable, effect.slotFrom, effect.slotTo)
        this.#queueEvent(id, { kind: 'log-read', to: effect.to, slotFrom: effect.slotFrom, slots })
        return
      }
      case 'checkpoint':
        this.#queueEvent(id, {
          kind: 'checkpoint-written',
          checkpoint: checkpoints.put(MemoryCheckpoints.encode(effect)),
        })
        return
      case 'certify':
        checkpoints.certify(effect.certificate)
        this.#queueEvent(id, { kind: 'certified', slot: effect.certificate.slot })
        return
      case 'retain':
        checkpoints.keep(effect.checkpoints)
        dropRecords(durable, droppable(durable, effect.slot))
        return
      case 'read-checkpoint': {
        const messages = checkpoints.answer(effect.slot, effect.query)
        this.#queueEvent(id, { kind: 'checkpoint-read', to: effect.to, messages })
        return
      }
      case 'unpack': {
        const { partition, digest } = effect
        const entries = MemoryCheckpoints.unpack(effect.packed, digest)
        this.#queueEvent(id, { kind: 'unpacked', partition, digest, entries })
      }
    }
  }

  #queueEvent(id: ReplicaId, event: ReplicaEvent): void {
    this.#events.push({ id, event })
  }

  #send(sent: Sent): void {
    if (sent.from !== sent.to) this.sent.push(sent)
    if (sent.from === sent.to || (this.passes(sent) && !this.#cut.has(sent.from) && !this.#cut.has(sent.to))) {
      this.#queue.push(sent)
    }
  }

  #deliver(): void {
    while (this.#queue.length + this.#events.length > 0) {
      const sent = this.#queue.shift()
      const happened = this.#events.shift()
      if (sent !== undefined) this.#turn(sent.to, { kind: 'message', from: sent.from, message: sent.message })
      if (happened !== undefined) this.#turn(happened.id, happened.event)
    }
  }

  #turn(id: ReplicaId, event: ReplicaEvent): void {
    this.#perform(id, this.#node(id).replica.step(event, this.#clock()))
    this.#perform(id, this.#node(id).replica.step({ kind: 'turn-ended' }, this.#clock()))
  }

  #node(id: ReplicaId): Node {
    const node = this.#nodes.get(id)
    if (node === undefined) throw new Error(`nobody here is called ${id}`)
    return node
  }

  #clock(): { readonly monotonicMs: number; readonly wallMs: number } {
    return { monotonicMs: this.#nowMs, wallMs: WALL_MS + this.#nowMs }
  }
}
