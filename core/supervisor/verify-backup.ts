import type { BackupView } from '../api/views.ts'
import { createVerifier } from '../crypto/signer.ts'
import { BackupError } from '../storage/backup-errors.ts'
import type { BackupCheckpoint } from '../storage/backup-format.ts'
import { readBackup } from '../storage/backup-reading.ts'
import type { VerifiedBackup } from '../storage/backup-reading.ts'
import { RefusedError } from './errors.ts'

/**
 * Verifies a backup without a host.
 *
 * @throws RefusedError with the code of what is wrong with it
 */
export async function verifyBackup(file: string): Promise<BackupView> {
  return refusing(async () => backupView(await readBackup({ file, verify: createVerifier() })))
}

export function backupView({ header, totals, fileBytes }: VerifiedBackup): BackupView {
  const { cluster, name, synod, createdMs, machines, members, checkpoint, slotLast } = header
  return {
    cluster: { id: cluster, name },
    synod,
    createdMs,
    machines: [...machines],
    members: members.map(({ replica, name: member }) => ({ id: replica, name: member })),
    checkpoint: checkpoint === undefined ? null : checkpointView(checkpoint),
    slotLast,
    slots: totals.slots,
    fileBytes,
  }
}

function checkpointView({ timeMs, keys, stateBytes, certificate }: BackupCheckpoint): BackupView['checkpoint'] {
  return { slot: certificate.slot, timeMs, root: certificate.root, keys, stateBytes }
}

/** What is wrong with a file is told to whoever named it. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BackupError) throw new RefusedError(error.fault.code, error.message)
    throw error
  }
}
