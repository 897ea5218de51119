import type { HostMessage, ReplicaMessage, ReplicaOrders, ReplicaReport } from '../../core/host/protocol.ts'
import type { ReplicaExit, ReplicaLauncher, ReplicaProcess } from '../../core/supervisor/launcher.ts'

/** Launches processes that do what a test says, and nothing else. */
export class ScriptedLauncher implements ReplicaLauncher {
  /** All that were ever launched, in order. */
  readonly launched: ScriptedProcess[] = []

  launch(name: string): ReplicaProcess {
    const process = new ScriptedProcess(name, 1_000 + this.launched.length)
    this.launched.push(process)
    return process
  }

  /** The processes of a replica that have not ended. */
  alive(name: string): ScriptedProcess[] {
    return this.launched.filter((process) => process.name === name && !process.hasEnded)
  }

  /** The newest process of a replica. */
  newest(name: string): ScriptedProcess {
    const process = this.launched.findLast((launched) => launched.name === name)
    if (process === undefined) throw new Error(`replica ${name} was never launched`)
    return process
  }
}

export class ScriptedProcess implements ReplicaProcess {
  readonly name: string
  readonly pid: number
  /** What the host told it. */
  readonly heard: HostMessage[] = []
  /** Whether it ends by itself when it is told to stop. */
  obeys = true
  hasEnded = false
  isPaused = false
  #onMessage: (message: unknown) => void = () => undefined
  #onExit: (exit: ReplicaExit) => void = () => undefined

  constructor(name: string, pid: number) {
    this.name = name
    this.pid = pid
  }

  get orders(): ReplicaOrders {
    const start = this.heard.find((message) => message.kind === 'start')
    if (start === undefined) throw new Error(`replica ${this.name} got no orders`)
    return start.orders
  }

  send(message: unknown): void {
    // What the host sends is typed where it is sent; here it is only looked at.
    this.heard.push(message as HostMessage)
    if (this.obeys && this.heard.at(-1)?.kind === 'stop') this.exit({ code: 0, signal: null })
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#onMessage = listener
  }

  onExit(listener: (exit: ReplicaExit) => void): void {
    this.#onExit = listener
  }

  pause(): void {
    if (!this.hasEnded) this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  kill(): void {
    this.exit({ code: null, signal: 'SIGKILL' })
  }

  say(message: ReplicaMessage): void {
    if (!this.hasEnded) this.#onMessage(message)
  }

  report(report: Partial<ReplicaReport>): void {
    const status: ReplicaReport = {
      role: 'follower',
      leader: undefined,
      ballot: { round: 0, proposer: '' },
      slotDecided: 0,
      slotExecuted: 0,
      logBytes: 0,
      connectedTo: [],
      lies: false,
      isStateMissing: false,
      isQuarantined: false,
      isAuditorDisabled: false,
      slotAudited: 0,
      segments: 1,
      slotFirst: 1,
      checkpointBytes: 0,
      checkpoints: [],
      writing: undefined,
      slotDropped: 0,
      pinned: [],
      sinceCheckpoint: { slots: 0, bytes: 0 },
      checkpointPolicy: { slotsMax: 50_000, bytesMax: 32 * 1024 * 1024 },
      transfer: undefined,
      memoryBytes: 0,
      ...report,
    }
    this.say({ kind: 'status', status })
  }

  exit(exit: ReplicaExit): void {
    if (this.hasEnded) return
    this.hasEnded = true
    queueMicrotask(() => this.#onExit(exit))
  }
}
