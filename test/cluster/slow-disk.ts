import { open, readFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Loaded before a replica's own code: each of its syncs waits before it reaches the disk, for as long as the file
 * named like the replica says. A disk that is slow below the system call is not to be had without a kernel module; to
 * the replica, which waits for the call, it is the same.
 */
const folder = process.env['SYNOD_TEST_SLOW_DISK'] ?? ''
const replica = process.argv[2] ?? ''

async function delayMs(): Promise<number> {
  return readFile(join(folder, replica), 'utf8').then(Number, () => 0)
}

const probe = await open(process.execPath, 'r')
const handles = Object.getPrototypeOf(probe) as FileHandle
await probe.close()
for (const name of ['sync', 'datasync'] as const) {
  // Each handle's own, bound to it when it is called.
  const original = Reflect.get<FileHandle, typeof name>(handles, name)
  handles[name] = async function (this: FileHandle): Promise<void> {
    const ms = await delayMs()
    if (ms > 0) await sleep(ms)
    await original.call(this)
  }
}
