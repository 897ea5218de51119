import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SYNOD_VERSION } from '../../core/index.ts'
import { DriverProcess } from './driver-process.ts'
import type { Options } from './options.ts'
import type { System } from './system.ts'
import { membersOf } from './system.ts'

/** Three replica processes of one headless host. */
export async function openSynod(options: Options): Promise<System> {
  const folder = await mkdtemp(join(options.folder, 'synod-bench-'))
  const drivers: DriverProcess[] = []
  const close = async (): Promise<void> => {
    for (const driver of drivers.toReversed()) await driver.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const host = await DriverProcess.open({ kind: 'synod', dataFolder: join(folder, 'data') })
    drivers.push(host)
    let driver = host
    if (options.door === 'http') {
      driver = await DriverProcess.open({ kind: 'synod-http', ...(await host.call('door', null, 10_000)) })
      drivers.push(driver)
    }
    const members = () => membersOf(host)
    return {
      name: 'synod',
      title: `Synod ${SYNOD_VERSION}: three replica processes of one host, asked ${
        driver === host ? 'in the host’s own process' : 'over HTTP from a process of their own'
      }`,
      driver,
      members,
      serverPids: async () => {
        const replicas = (await members()).map(({ pid }) => pid)
        return [...replicas, ...(driver === host ? [] : [host.pid])].filter((pid) => pid !== undefined)
      },
      revive: () => Promise.resolve(),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
