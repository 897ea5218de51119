import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { ConsoleAnswer, ConsoleArgument, ConsoleFault, ConsoleRequestName } from '../../core/api/contract.ts'
import type { ReplicaAction } from '../formatting/consequence.ts'
import { bridge } from '../bridge.ts'

type ActionName =
  | Extract<ConsoleRequestName, `replica.${string}`>
  | `cluster.${'start' | 'stop' | 'delete' | 'try' | 'inject' | 'heal'}`

/** What a person does to clusters and replicas, and the last thing that could not be done. */
export const useActionsStore = defineStore('actions', () => {
  const fault = shallowRef<ConsoleFault | null>(null)
  const running = ref(0)

  async function run<Name extends ActionName>(
    name: Name,
    argument: ConsoleArgument<Name>,
  ): Promise<ConsoleAnswer<Name> | null> {
    running.value += 1
    const reply = await bridge.request(name, argument)
    running.value -= 1
    fault.value = reply.ok ? null : reply.fault
    return reply.ok ? reply.value : null
  }

  async function onReplica(action: ReplicaAction, target: { cluster: string; replica: string }): Promise<void> {
    switch (action) {
      case 'start':
        await run('replica.start', target)
        return
      case 'stop':
        await run('replica.stop', target)
        return
      case 'repair':
        await run('replica.repair', target)
        return
      default:
        await run('cluster.inject', { cluster: target.cluster, fault: { kind: action, replica: target.replica } })
    }
  }

  /** Ends an injected fault now. */
  async function heal(cluster: string, number: number): Promise<void> {
    await run('cluster.heal', { cluster, number })
  }

  function dismiss(): void {
    fault.value = null
  }

  return { fault, running, run, onReplica, heal, dismiss }
})
