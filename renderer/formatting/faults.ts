import type { FaultKind, InjectedView } from '../../core/api/faults.ts'
import { text } from '../text.ts'

/** What can be injected into one replica from its menu. */
export const REPLICA_FAULTS = [
  'pause',
  'kill',
  'lie',
  'flip-byte',
  'disable-auditor',
  'disk-stall',
  'disk-full',
] as const satisfies readonly FaultKind[]
export type ReplicaFault = (typeof REPLICA_FAULTS)[number]

const ACTIVE_WORDS: Readonly<Record<string, string>> = text.faults.active

/** "lies (injected)", for each fault that a replica's view names. */
export function faultWords(faults: readonly string[]): readonly string[] {
  return faults.map((kind) => text.faults.injected(ACTIVE_WORDS[kind] ?? kind))
}

/** Those that still last. */
export function activeFaults(injected: readonly InjectedView[]): readonly InjectedView[] {
  return injected.filter(({ endedMs }) => endedMs === null)
}

/** Those that still last on one replica; links are not meant. */
export function faultsOn(name: string, injected: readonly InjectedView[]): readonly InjectedView[] {
  return activeFaults(injected).filter(({ fault }) => 'replica' in fault && fault.replica === name)
}
