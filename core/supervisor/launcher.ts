/** One operating-system process that runs a replica, whoever started it (`child_process.fork`, `utilityProcess`). */
export interface ReplicaProcess {
  readonly pid: number | undefined
  /** Structured-clone data; validated by the receiver. */
  send: (message: unknown) => void
  onMessage: (listener: (message: unknown) => void) => void
  /** Called once. */
  onExit: (listener: (exit: ReplicaExit) => void) => void
  /** SIGKILL, or what the platform has for it. */
  kill: () => void
  /** SIGSTOP and SIGCONT, where the platform has them; nothing where the process has ended. */
  pause: () => void
  resume: () => void
}

export interface ReplicaExit {
  readonly code: number | null
  readonly signal: string | null
}

/** Starts replica processes; each waits for its orders as its first message. */
export interface ReplicaLauncher {
  launch: (name: string) => ReplicaProcess
}
