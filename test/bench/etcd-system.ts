import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DriverProcess } from './driver-process.ts'
import type { Options } from './options.ts'
import type { System } from './system.ts'
import { membersOf } from './system.ts'
import { within } from './workload.ts'

const NAMES = ['a', 'b', 'c']
const LINES_KEPT = 8
/** Unit: ms. */
const STOP_MS_MAX = 10_000

/** @returns the version of the etcd on this machine; undefined where there is none. */
export function etcdVersion(): string | undefined {
  const told = spawnSync('etcd', ['--version'], { encoding: 'utf8', timeout: 10_000 })
  return told.status === 0 ? /etcd Version: (\S+)/.exec(told.stdout)?.[1] : undefined
}

interface Member {
  readonly name: string
  readonly clientUrl: string
  readonly peerUrl: string
  readonly dataFolder: string
}

/** One etcd process; it is started again on the same data after a kill. */
class EtcdProcess {
  readonly member: Member
  readonly #cluster: string
  readonly #lines: string[] = []
  #child: ChildProcess | undefined

  constructor(member: Member, cluster: string) {
    this.member = member
    this.#cluster = cluster
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** What it last said, for whoever asks why it did not come up. */
  get lastWords(): string {
    return this.#lines.join('\n')
  }

  start(): void {
    const { name, clientUrl, peerUrl, dataFolder } = this.member
    const options = {
      name,
      'data-dir': dataFolder,
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': this.#cluster,
      'initial-cluster-state': 'new',
      'log-level': 'error',
      logger: 'zap',
    }
    const args = Object.entries(options).map(([option, value]) => `--${option}=${value}`)
    // A pipe, not a file: with its reader gone, etcd ends at the next line it writes.
    const child = spawn('etcd', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#lines.push(...text.trim().split('\n'))
      this.#lines.splice(0, this.#lines.length - LINES_KEPT)
    })
    child.on('error', (error) => this.#lines.push(error.message))
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    this.#child = child
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await within(STOP_MS_MAX, exited, 'etcd did not end').catch(() => child.kill('SIGKILL'))
  }
}

/** Three members on loopback with their standard settings: every put is synced to disk by a majority. */
export async function openEtcd(options: Options, version: string): Promise<System> {
  const folder = await mkdtemp(join(options.folder, 'synod-bench-etcd-'))
  const members = await layOut(folder)
  const cluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
  const processes = members.map((member) => new EtcdProcess(member, cluster))
  let driver: DriverProcess | undefined
  const close = async (): Promise<void> => {
    await driver?.close()
    await Promise.all(processes.map((process) => process.stop()))
    await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const process of processes) process.start()
    const opened = await DriverProcess.open({
      kind: 'etcd',
      members: members.map(({ name, clientUrl }) => ({ name, url: clientUrl })),
      client: options.etcdClient,
    })
    driver = opened
    const pidOf = (name: string) => processes.find(({ member }) => member.name === name)?.pid
    return {
      name: 'etcd',
      title: `etcd ${version}: three members, asked ${options.etcdClient === 'grpc' ? 'by gRPC' : 'through the JSON gateway'} from a process of their own`,
      driver: opened,
      members: async () => {
        const gone = processes.find(({ pid, lastWords }) => pid === undefined && lastWords !== '')
        if (gone !== undefined) throw new Error(`etcd ${gone.member.name} ended: ${gone.lastWords}`)
        return (await membersOf(opened)).map((member) => ({ ...member, pid: pidOf(member.name) }))
      },
      serverPids: () => Promise.resolve(processes.map(({ pid }) => pid).filter((pid) => pid !== undefined)),
      revive: (name) => {
        processes.find(({ member }) => member.name === name)?.start()
        return Promise.resolve()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function layOut(folder: string): Promise<readonly Member[]> {
  const ports = await freePorts(NAMES.length * 2)
  return NAMES.map((name, index) => ({
    name,
    clientUrl: `http://127.0.0.1:${ports[index * 2] ?? 0}`,
    peerUrl: `http://127.0.0.1:${ports[index * 2 + 1] ?? 0}`,
    dataFolder: join(folder, name),
  }))
}

/** All are held open until all are found, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  return await Promise.all(
    servers.map(async (server) => {
      const address = server.address()
      server.close()
      await once(server, 'close')
      return typeof address === 'object' && address !== null ? address.port : 0
    }),
  )
}
