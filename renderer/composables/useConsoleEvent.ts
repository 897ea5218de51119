import { onScopeDispose } from 'vue'
import type { ConsoleEvent, ConsoleEventName } from '../../core/api/contract.ts'
import { bridge } from '../bridge.ts'

/** Listens for as long as the calling component or store lives. */
export function useConsoleEvent<Name extends ConsoleEventName>(
  name: Name,
  listener: (event: ConsoleEvent<Name>) => void,
): void {
  onScopeDispose(bridge.subscribe(name, listener))
}
