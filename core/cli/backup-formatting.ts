import type { BackupView } from '../api/views.ts'
import { formatBytes, formatCount } from './numbers.ts'

/** What a backup holds, for people. */
export function formatBackup(backup: BackupView): string {
  const { cluster, createdMs, synod, checkpoint, slotLast, slots, fileBytes, members } = backup
  const names = members.map(({ name }) => name).join(', ')
  const state =
    checkpoint === null
      ? 'no checkpoint: the log from its first slot on'
      : `at slot ${formatCount(checkpoint.slot)}, ${formatCount(checkpoint.keys)} keys, ` +
        `${formatBytes(checkpoint.stateBytes)}, root ${checkpoint.root.slice(0, 12)}…, attested by a majority`
  const log =
    slots === 0
      ? `no slot after that; everything up to slot ${formatCount(slotLast)} is in the State`
      : slots === 1
        ? `slot ${formatCount(slotLast)}`
        : `slots ${formatCount(slotLast - slots + 1)} to ${formatCount(slotLast)}`
  return [
    `Backup of cluster "${cluster.name}" (${names}), ${new Date(createdMs).toISOString()}, by Synod ${synod}`,
    `  State  ${state}`,
    `  Log    ${log}`,
    `  File   ${formatBytes(fileBytes)}`,
  ].join('\n')
}
