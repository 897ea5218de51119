import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ConsoleApi } from './api/contract.ts'
import type { HostView } from './api/views.ts'
import { messageOf } from './base/errors.ts'
import { LIMITS } from './model/limits.ts'
import type { Trace } from './ports/trace.ts'
import { HostError } from './supervisor/errors.ts'
import { lockFolder } from './supervisor/folder-lock.ts'
import type { ReplicaLauncher } from './supervisor/launcher.ts'
import { Supervisor } from './supervisor/supervisor.ts'

export type { ConsoleApi } from './api/contract.ts'
export type { ReplicaExit, ReplicaLauncher, ReplicaProcess } from './supervisor/launcher.ts'
export { openDoors } from './gateway/doors.ts'
export type { Doors, DoorsInit } from './gateway/doors.ts'
export { HostError } from './supervisor/errors.ts'
export { createForkLauncher as forkLauncher } from './supervisor/fork-launcher.ts'

export const SYNOD_VERSION = '0.1.0'

export interface HostInit {
  /** Created when it isn't there, for its owner only. */
  readonly dataFolder: string
  readonly launcher: ReplicaLauncher
  readonly kind: HostView['host']
  readonly trace?: Trace
  /** Largest Input by its canonical encoding; at most, and by default, 1 MiB. */
  readonly inputBytesMax?: number
  /** Inputs that may wait at one replica before clients are told that it is busy; 10,000 by default. */
  readonly queueInputsMax?: number
}

/** A host at work: one on a data folder. */
export interface Host {
  readonly api: ConsoleApi
  readonly dataFolder: string
  /** Ends every replica process gracefully, in bounded time. */
  close: () => Promise<void>
}

/**
 * Opens the host of a data folder and starts the clusters that were running.
 *
 * @throws HostError when another host uses the folder, or it can't be used, or a cluster's file is damaged.
 */
export async function openHost(init: HostInit): Promise<Host> {
  const dataFolder = resolve(init.dataFolder)
  try {
    await mkdir(dataFolder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new HostError(
      { code: 'DATA_FOLDER_UNUSABLE', folder: dataFolder },
      `The data folder ${dataFolder} can't be used: ${messageOf(cause)}. Name another folder with --data.`,
      { cause },
    )
  }
  const lock = await lockFolder(dataFolder)
  const supervisor = new Supervisor({
    dataFolder,
    launcher: init.launcher,
    kind: init.kind,
    version: SYNOD_VERSION,
    inputBytesMax: Math.min(init.inputBytesMax ?? LIMITS.inputBytesMax, LIMITS.inputBytesMax),
    queueInputsMax: init.queueInputsMax,
    lock,
    ...(init.trace === undefined ? {} : { trace: init.trace }),
  })
  try {
    await supervisor.open()
  } catch (error) {
    await supervisor.close()
    throw error
  }
  return { api: supervisor, dataFolder, close: () => supervisor.close() }
}
