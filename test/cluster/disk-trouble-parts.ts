import { execFileSync, fork } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { ClusterView, ReplicaView } from '../../core/api/views.ts'
import type { ReplicaLauncher, ReplicaProcess } from '../../core/index.ts'
import type { TestHost } from './harness.ts'
import { isWell, valueOf, waitFor } from './harness.ts'

const REMOUNTS_MAX = 400

const ENTRY = fileURLToPath(new URL('../../core/host/fork-entry.ts', import.meta.url))
const SLOW_DISK = new URL('slow-disk.ts', import.meta.url).href

export function replicaFolder(host: TestHost, name: string): string {
  return join(host.folder, 'clusters', host.cluster, 'replicas', name)
}

export function replicaOf({ replicas }: ClusterView, name: string): ReplicaView {
  const found = replicas.find((replica) => replica.name === name)
  if (found === undefined) throw new Error(`no replica ${name}`)
  return found
}

/** The replica that leads, or one that does not. */
export async function named(host: TestHost, role: 'leader' | 'follower'): Promise<string> {
  const { leader, replicas } = await host.until('all are well', isWell)
  const name = role === 'leader' ? leader : replicas.find((replica) => replica.name !== leader)?.name
  if (name === null || name === undefined) throw new Error(`no ${role}`)
  return name
}

/** Clients that count, each on a key of its own, until they are told to stop. What fails is sent again. */
export class Counting {
  readonly #host: TestHost
  readonly #keys: readonly string[]
  readonly #acknowledged = new Map<string, number>()
  readonly #clients: Promise<void>
  #isOver = false

  constructor(host: TestHost, label: string, clients = 4) {
    this.#host = host
    this.#keys = Array.from({ length: clients }, (_, index) => `${label}-${index}`)
    this.#clients = Promise.all(this.#keys.map((key) => this.#count(key))).then(() => undefined)
    // Told where it is waited for; a test that failed before does not wait.
    this.#clients.catch(() => undefined)
  }

  get acknowledged(): number {
    return [...this.#acknowledged.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Clients are answered: the cluster goes on. */
  async goesOn(): Promise<void> {
    const before = this.acknowledged
    await waitFor('more acknowledgements', () => (this.acknowledged >= before + 20 ? true : undefined))
  }

  /** Stops, and checks that each acknowledged Input took effect, once, and is there. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.#clients
    for (const key of this.#keys) {
      const value = this.#acknowledged.get(key)
      expect([key, await this.#host.read({ op: 'get', key })]).toEqual([key, { value, found: true }])
    }
  }

  async #count(key: string): Promise<void> {
    for (let sequence = 1; !this.#isOver || sequence === 1; sequence += 1) {
      const value = await waitFor('an acknowledgement', async () => {
        const outcome = await this.#host.submit(key, sequence, { op: 'increment', key }, 2_000)
        return outcome.kind === 'fail' ? undefined : valueOf(outcome)
      })
      expect(value).toEqual({ value: sequence })
      this.#acknowledged.set(key, sequence)
    }
  }
}

/** Its Output is there; it is written afterwards. */
export async function orderCheckpoint(host: TestHost): Promise<{ readonly checkpointed: number }> {
  const outcome = await host.call('cluster.checkpoint', { cluster: host.cluster })
  if (outcome.kind === 'fail') throw new Error(`no checkpoint: ${outcome.message}`)
  return { checkpointed: outcome.slot }
}

/** Orders a CHECKPOINT; all three must write it, with one root. @returns its slot. */
export async function expectEqualStates(host: TestHost): Promise<number> {
  const { checkpointed: slot } = await orderCheckpoint(host)
  const view = await host.until('all have a stable checkpoint of one slot', ({ replicas }) =>
    replicas.every(({ storage }) => storage.checkpoints.some((info) => info.slot === slot && info.stable)),
  )
  const roots = view.replicas.map(({ storage }) => storage.checkpoints.find((info) => info.slot === slot)?.root)
  expect(new Set(roots).size).toBe(1)
  return slot
}

/** The newest notes, oldest first. */
export async function notesOf(host: TestHost): Promise<readonly string[]> {
  const { notes } = await host.call('host.notes', { limit: 500 })
  return notes.map(({ text }) => text).toReversed()
}

/** Where replica processes are slowed down: a file named like the replica holds the ms each of its syncs waits. */
export class SlowDisks {
  readonly folder = mkdtempSync(join(tmpdir(), 'synod-slow-'))

  slow(replica: string, ms: number): void {
    writeFileSync(join(this.folder, replica), String(ms))
  }

  restore(): void {
    rmSync(this.folder, { recursive: true, force: true })
    mkdirSync(this.folder)
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/**
 * Replica processes for which permissions count, also where the tests run as root; and whose disks may be slow.
 * `undefined` where root can't give up its rights over files.
 */
export function strictLauncher(slow: SlowDisks): ReplicaLauncher | undefined {
  const asRoot = process.getuid?.() === 0
  const drop = '--bounding-set=-dac_override,-dac_read_search'
  if (asRoot) {
    try {
      execFileSync('setpriv', [drop, 'true'], { stdio: 'ignore' })
    } catch {
      return undefined
    }
  }
  const own = [...process.execArgv, '--import', SLOW_DISK]
  return {
    launch: (name): ReplicaProcess => {
      const child = fork(ENTRY, [name], {
        serialization: 'advanced',
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { ...process.env, SYNOD_TEST_SLOW_DISK: slow.folder },
        ...(asRoot ? { execPath: 'setpriv', execArgv: [drop, process.execPath, ...own] } : { execArgv: own }),
      })
      child.on('error', () => undefined)
      return {
        pid: child.pid,
        send: (message) => {
          if (child.connected) child.send(message as Parameters<typeof child.send>[0], () => undefined)
        },
        onMessage: (listener) => void child.on('message', listener),
        onExit: (listener) => {
          child.once('exit', (code, signal) => {
            listener({ code, signal })
          })
        },
        kill: () => void child.kill('SIGKILL'),
        pause: () => void child.kill('SIGSTOP'),
        resume: () => void child.kill('SIGCONT'),
      }
    },
  }
}

/** Small file systems, one a replica, put in the place of their folders. */
export class Disks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'synod-disks-'))
  /** Mount points in use, newest last. */
  readonly #mounted: string[] = []

  /** Where this user may not mount anything, that is said, and there is none. */
  static open(): Disks | undefined {
    const disks = new Disks()
    try {
      disks.create('probe')
      return disks
    } catch {
      process.stderr.write('skipped: disks that are full, read-only or gone; mounting a tmpfs is not allowed here\n')
      disks.close()
      return undefined
    }
  }

  /** Puts what is in the folder on a disk of its own, and that in the folder's place. Nobody may use it meanwhile. */
  moveTo(name: string, folder: string): void {
    const disk = this.create(name)
    cpSync(folder, disk, { recursive: true })
    rmSync(folder, { recursive: true })
    mkdirSync(folder, { mode: 0o700 })
    this.plug(name, folder)
  }

  create(name: string): string {
    const disk = join(this.#folder, name)
    mkdirSync(disk)
    this.#mount(['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'tmpfs', disk], disk)
    return disk
  }

  plug(name: string, folder: string): void {
    this.#mount(['--bind', join(this.#folder, name), folder], folder)
  }

  /** What is open stays open; names are gone at once. */
  unplug(folder: string): void {
    execFileSync('umount', ['-l', folder])
    this.#mounted.splice(this.#mounted.lastIndexOf(folder), 1)
  }

  /** Names lead to the same files, which can't be written under them any more. `unplug` ends it. */
  makeReadOnly(name: string, folder: string): void {
    this.plug(name, folder)
    for (let tries = 1; ; tries += 1) {
      try {
        execFileSync('mount', ['-o', 'remount,bind,ro', folder], { stdio: 'ignore' })
        return
      } catch (error) {
        // The mount is busy for as long as a file is open for writing under it: while an append runs.
        if (tries === REMOUNTS_MAX) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      }
    }
  }

  /** Leaves so many bytes. */
  fill(name: string, leave: number): void {
    const file = join(this.#folder, name, 'filler')
    const columns = execFileSync('df', ['--output=avail', '-B1', join(this.#folder, name)], { encoding: 'utf8' })
    const available = Number(columns.trim().split('\n').at(-1))
    writeFileSync(file, Buffer.alloc(available - leave))
  }

  makeRoom(name: string): void {
    rmSync(join(this.#folder, name, 'filler'))
  }

  close(): void {
    for (const folder of this.#mounted.splice(0).toReversed()) execFileSync('umount', ['-l', folder])
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #mount(options: readonly string[], folder: string): void {
    execFileSync('mount', options, { stdio: 'ignore' })
    this.#mounted.push(folder)
  }
}
