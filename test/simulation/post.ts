import type { Prng } from '../../core/base/prng.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { clusterId, epoch, replicaId } from '../../core/model/ids.ts'
import { decodeEnvelope, encodeEnvelope, WIRE_VERSION } from '../../core/wire/envelope.ts'
import type { Message } from '../../core/wire/message.ts'
import { channelOf } from '../../core/wire/message.ts'
import { messageText } from './describe.ts'
import { forged } from './falsehood.ts'
import type { FaultPlan, FaultTally } from './faults.ts'
import type { Journal } from './journal.ts'
import { nodeName } from './journal.ts'
import { sizeOf } from './message-size.ts'
import type { Network } from './network.ts'
import type { SimulatedNode } from './node.ts'

/** No member: what it says must count for nothing. */
const STRANGER = replicaId('z')
const CLUSTER = clusterId('simulated')
/** Messages of one kind to one process that are remembered, to come a second time. */
const KEPT_MAX = 8
const OLD_MAIL_US_MAX = 2_500_000

interface PostInit {
  readonly plan: FaultPlan
  readonly prng: Prng
  readonly network: Network
  readonly tally: FaultTally
  readonly journal: Journal
  readonly nodes: readonly SimulatedNode[]
  readonly schedule: (afterUs: number, run: () => void) => void
}

interface Kept {
  readonly from: ReplicaId
  readonly message: Message
  /** Of the process it was for. */
  readonly life: number
}

/** Brings messages from process to process: through the codec, forged, twice, late, from a stranger, as the plan has it. */
export class Post {
  readonly #init: PostInit
  /** By the process they were for and their kind: what comes all the time must not push out all else. */
  readonly #kept = new Map<SimulatedNode, Map<Message['kind'], Kept[]>>()
  readonly #keeps: boolean
  #chaos = true

  constructor(init: PostInit) {
    this.#init = init
    this.#keeps = init.plan.oldMail > 0 || init.plan.scenario === 'candidate-forgets'
  }

  calm(): void {
    this.#chaos = false
    this.#kept.clear()
  }

  send(from: number, to: ReplicaId, message: Message): void {
    const { plan, prng, nodes, network, tally, journal, schedule } = this.#init
    const target = nodes.find((node) => node.id === to)
    // As the transport does with what is for nobody it knows.
    if (target === undefined) return
    const sender = replicaId(nodeName(from))
    const isForged = plan.faulty.get(from) === 'two-faced' && (this.#chaos || plan.faultyForEver)
    const said = isForged ? forged({ self: sender, cluster: CLUSTER, prng }, message) : message
    if (said !== message) tally.add('two-faced')
    const carried = plan.encodes ? recode(sender, said) : said
    if (this.#keeps && this.#chaos) this.#keep(target, { from: sender, message: carried, life: target.life })
    const isSent = network.send({
      from,
      to: target.index,
      channel: channelOf(said),
      bytes: plan.bytesPerSecond === 0 ? 0 : sizeOf(said),
      deliver: () => {
        target.deliver({ kind: 'message', from: sender, message: carried })
      },
    })
    if (!isSent) {
      if (journal.isTold) journal.tell(from, `→ ${to}  LOST ${messageText(message)}`)
      return
    }
    if (!this.#chaos || plan.strangers === 0 || !prng.chance(plan.strangers)) return
    tally.add('stranger')
    schedule(prng.between(plan.delayUsMin, plan.delayUsMax), () => {
      target.deliver({ kind: 'message', from: STRANGER, message: carried })
    })
  }

  /** A process lives again: some of what was sent to its former lives may come only now. */
  started(node: SimulatedNode): void {
    const { plan, prng, schedule } = this.#init
    if (!this.#chaos || plan.oldMail === 0) return
    for (const kept of [...(this.#kept.get(node)?.values() ?? [])].flat()) {
      if (kept.life === node.life || !prng.chance(plan.oldMail)) continue
      schedule(prng.between(0, OLD_MAIL_US_MAX), () => {
        this.#deliverAgain(node, kept)
      })
    }
  }

  /** Everything of this kind that was sent to former lives of the process comes now. */
  deliverOld(node: SimulatedNode, kind: Message['kind']): void {
    for (const kept of this.#kept.get(node)?.get(kind) ?? []) {
      if (kept.life !== node.life) this.#deliverAgain(node, kept)
    }
  }

  #deliverAgain(node: SimulatedNode, { from, message }: Kept): void {
    if (!this.#chaos) return
    this.#init.tally.add('old-mail')
    node.deliver({ kind: 'message', from, message })
  }

  #keep(target: SimulatedNode, kept: Kept): void {
    const kinds = this.#kept.get(target) ?? new Map<Message['kind'], Kept[]>()
    this.#kept.set(target, kinds)
    const { kind } = kept.message
    const list = kinds.get(kind) ?? []
    kinds.set(kind, list)
    list.push(kept)
    if (list.length > KEPT_MAX) list.shift()
  }
}

/** Through the real codec, so that what the simulator tells each other is what can travel. */
function recode(from: ReplicaId, message: Message): Message {
  const envelope = {
    version: WIRE_VERSION,
    cluster: CLUSTER,
    epoch: epoch(1),
    from,
    messages: [message],
  } as const
  const decoded = decodeEnvelope(encodeEnvelope(envelope))
  if (!decoded.ok) throw new Error(`a message does not survive its codec: ${message.kind}: ${decoded.fault.detail}`)
  const carried = decoded.value.messages[0]
  if (carried === undefined) throw new Error('an envelope lost its message')
  return carried
}
