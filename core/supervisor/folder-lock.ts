import { createHash } from 'node:crypto'
import { open, realpath, rm, stat } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HostError } from './errors.ts'

/** Unix sockets have short names; a deeper data folder gets its socket elsewhere. Unit: bytes. */
const SOCKET_PATH_BYTES_MAX = 100
/** Unit: ms. */
const TAKEOVER_MS_MAX = 6_000
const TAKEOVER_LOOK_MS = 25

export interface FolderLock {
  release: () => Promise<void>
}

/**
 * Makes this host the only one on its data folder: it listens on a socket that belongs to the folder. The system ends
 * the listening with the process, however that ends; so unlike a file with a process id, the lock can't go stale.
 * What a killed host leaves behind is only a name nobody answers on; whoever takes it away must hold the takeover file,
 * so that of several that start at once one wins.
 *
 * @throws HostError DATA_FOLDER_IN_USE when another host answers there.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = socketPath(await realpath(folder))
  const deadlineMs = performance.now() + TAKEOVER_MS_MAX
  for (;;) {
    const server = (await listen(path)) ?? (await takeOver(path))
    if (server !== undefined) return lockOf(server)
    if ((await answers(path)) || performance.now() > deadlineMs) {
      throw new HostError(
        { code: 'DATA_FOLDER_IN_USE', folder },
        `Another Synod host is using the data folder ${folder}. ` +
          'Use that one, end it first, or name another folder with --data.',
      )
    }
    await sleep(TAKEOVER_LOOK_MS)
  }
}

function lockOf(server: Server): FolderLock {
  return {
    release: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve()
        })
      })
    },
  }
}

/** Replaces a name nobody answers on. @returns undefined when somebody answers, or somebody else is replacing it. */
async function takeOver(path: string): Promise<Server | undefined> {
  if (process.platform === 'win32' || (await answers(path))) return undefined
  const right = `${path}.takeover`
  if (!(await claim(right))) return undefined
  try {
    // Only who holds the right replaces the name, so what is seen now stays so.
    if (await answers(path)) return undefined
    await rm(path, { force: true })
    return await listen(path)
  } finally {
    await rm(right, { force: true })
  }
}

async function claim(right: string): Promise<boolean> {
  try {
    const handle = await open(right, 'wx', 0o600)
    await handle.close()
    return true
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    const seen = await stat(right).catch(() => undefined)
    // Held for some milliseconds at most; an older one was left by a host that was killed while it had it.
    if (seen !== undefined && Date.now() - seen.mtimeMs > TAKEOVER_MS_MAX / 2) await rm(right, { force: true })
    return false
  }
}

function socketPath(folder: string): string {
  const name = `synod-${createHash('sha256').update(folder).digest('hex').slice(0, 24)}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const inside = join(folder, 'host.sock')
  return Buffer.byteLength(inside) <= SOCKET_PATH_BYTES_MAX ? inside : join(tmpdir(), `${name}.sock`)
}

/** @returns undefined when something is there already. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.destroy()
    })
    server.unref()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(path, () => {
      resolve(server)
    })
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
