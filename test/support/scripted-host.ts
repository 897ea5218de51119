import type { ConsoleAnswer, ConsoleArgument, ConsoleRequestName } from '../../core/api/contract.ts'
import type { ClusterView } from '../../core/api/views.ts'
import type { RepairTiming } from '../../core/supervisor/repairs.ts'
import { Supervisor } from '../../core/supervisor/supervisor.ts'
import { onTestFinished, vi } from 'vitest'
import { ScriptedLauncher } from './scripted-launcher.ts'
import { temporaryFolder } from './temporary-folder.ts'

const NAMES = ['a', 'b', 'c'] as const

interface Settings {
  readonly inputBytesMax?: number
  readonly repairTiming?: RepairTiming
}

/** The shipping supervisor on a folder of its own, over processes that do what the test says. */
export class ScriptedHost {
  readonly launcher = new ScriptedLauncher()
  readonly supervisor: Supervisor
  readonly dataFolder: string

  private constructor(dataFolder: string, { inputBytesMax = 1024, repairTiming }: Settings) {
    this.dataFolder = dataFolder
    this.supervisor = new Supervisor({
      dataFolder,
      launcher: this.launcher,
      kind: 'headless',
      version: '0.0.0',
      inputBytesMax,
      queueInputsMax: undefined,
      lock: { release: () => Promise.resolve() },
      ...(repairTiming === undefined ? {} : { repairTiming }),
    })
  }

  static async open(init: Settings & { readonly dataFolder?: string } = {}): Promise<ScriptedHost> {
    const host = new ScriptedHost(init.dataFolder ?? (await temporaryFolder()), init)
    await host.supervisor.open()
    onTestFinished(() => host.supervisor.close())
    return host
  }

  /** A host with one cluster "Home" whose three processes were launched. @returns its id, too. */
  static async founded(settings: Settings = {}): Promise<{ readonly host: ScriptedHost; readonly cluster: string }> {
    const host = await ScriptedHost.open(settings)
    const { cluster } = await host.ask('cluster.try', { name: 'Home' })
    return { host, cluster }
  }

  /** @throws Error when the call is refused. */
  async ask<Name extends ConsoleRequestName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleAnswer<Name>> {
    const reply = await this.supervisor.request(name, argument)
    if (!reply.ok) throw new Error(`${reply.fault.code}: ${reply.fault.message}`)
    return reply.value
  }

  /** "CODE: message" of a refused call; "ok" of one that was not. */
  async refusal(name: string, argument: unknown): Promise<string> {
    // Callers over a wire may name anything.
    const reply = await this.supervisor.request(name as ConsoleRequestName, argument)
    return reply.ok ? 'ok' : `${reply.fault.code}: ${reply.fault.message}`
  }

  async view(): Promise<ClusterView> {
    const { clusters } = await this.ask('host.view', {})
    const [cluster] = clusters
    if (cluster === undefined) throw new Error('the host has no cluster')
    return cluster
  }

  /** Replicas come up; `leader` is the one they all take for theirs, null that there is none. */
  async bringUp(names: readonly string[] = NAMES, leader: string | null = 'a'): Promise<void> {
    const proposer = leader === null ? '' : this.launcher.newest(leader).orders.self
    for (const name of names) {
      const process = this.launcher.newest(name)
      process.say({ kind: 'started', addresses: [`/ip4/127.0.0.1/tcp/${process.pid}`] })
      process.report({
        role: name === leader ? 'leader' : 'follower',
        leader: leader === null ? undefined : proposer,
        ballot: { round: leader === null ? 0 : 7, proposer },
      })
    }
    await vi.waitFor(async () => {
      const { replicas } = await this.view()
      const waiting = replicas.filter(({ name, process }) => names.includes(name) && process !== 'running')
      if (waiting.length > 0) throw new Error('not all of them run yet')
    })
  }
}
