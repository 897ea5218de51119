import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:http2'
import * as v from 'valibot'
import { putRequest, rangeRequest, valueInRange } from './etcd-messages.ts'
import { JsonPoster } from './json-post.ts'
import type { MemberView, Target } from './target.ts'

export interface EtcdMember {
  readonly name: string
  readonly url: string
}

const statusSchema = v.object({
  header: v.object({ member_id: v.string() }),
  leader: v.optional(v.string(), '0'),
})
const rangeSchema = v.object({ kvs: v.optional(v.array(v.object({ value: v.string() })), []) })

/** How one member is asked. */
interface Caller {
  readonly put: (key: string, value: string) => Promise<void>
  readonly get: (key: string) => Promise<string | undefined>
  readonly close: () => void
}

/** Three etcd members. All clients ask the leader: no other member answers sooner. */
export class EtcdCluster implements Target {
  readonly #members: readonly EtcdMember[]
  readonly #callers: ReadonlyMap<string, Caller>
  readonly #posters: ReadonlyMap<string, JsonPoster>
  #leader: Caller | undefined

  constructor(members: readonly EtcdMember[], client: 'grpc' | 'json') {
    this.#members = members
    this.#posters = new Map(members.map(({ name, url }) => [name, new JsonPoster(url)]))
    this.#callers = new Map(
      members.map(({ name, url }) => [name, client === 'grpc' ? new GrpcCaller(url) : new GatewayCaller(url)]),
    )
  }

  async put(_client: number, key: string, value: string): Promise<void> {
    await this.#aimed().put(key, value)
  }

  async get(_client: number, key: string): Promise<unknown> {
    return await this.#aimed().get(key)
  }

  async probe(number: number, victim: string): Promise<void> {
    const others = [...this.#callers].filter(([name]) => name !== victim)
    await others[number % others.length]?.[1].put('probe', String(number))
  }

  async members(): Promise<readonly MemberView[]> {
    const statuses = await Promise.all(this.#members.map(({ name }) => this.#status(name)))
    const leaders = new Set(statuses.map((status) => status?.leader))
    const agreed = leaders.size === 1 && !leaders.has('0')
    return this.#members.map(({ name }, index) => {
      const status = statuses[index]
      const leads = status !== undefined && status.leader === status.header.member_id
      return { name, pid: undefined, leads, isWell: status !== undefined && agreed }
    })
  }

  async aim(): Promise<void> {
    const leader = (await this.members()).find(({ leads }) => leads)
    this.#leader = leader === undefined ? undefined : this.#callers.get(leader.name)
  }

  close(): Promise<void> {
    for (const caller of this.#callers.values()) caller.close()
    for (const poster of this.#posters.values()) poster.close()
    return Promise.resolve()
  }

  #aimed(): Caller {
    if (this.#leader === undefined) throw new Error('etcd has no leader')
    return this.#leader
  }

  /** @returns undefined when it does not answer. */
  async #status(name: string): Promise<v.InferOutput<typeof statusSchema> | undefined> {
    try {
      return v.parse(statusSchema, await this.#posters.get(name)?.post('/v3/maintenance/status', {}))
    } catch {
      return undefined
    }
  }
}

const GRPC_HEAD_BYTES = 5
const WINDOW_BYTES = 1024 * 1024

/** etcd's own interface: gRPC on one HTTP/2 connection, as its clients in other languages have it. */
class GrpcCaller implements Caller {
  readonly #url: string
  #session: ClientHttp2Session | undefined

  constructor(url: string) {
    this.#url = url
  }

  async put(key: string, value: string): Promise<void> {
    await this.#call('/etcdserverpb.KV/Put', putRequest(key, value))
  }

  async get(key: string): Promise<string | undefined> {
    return valueInRange(await this.#call('/etcdserverpb.KV/Range', rangeRequest(key)))
  }

  close(): void {
    this.#session?.destroy()
  }

  #call(path: string, message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#connected().request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const parts: Buffer[] = []
      let status: unknown
      const note = (headers: Readonly<Record<string, unknown>>): void => {
        status = headers['grpc-status']
      }
      stream.on('data', (part: Buffer) => parts.push(part))
      // A refusal comes without a body, and its status with the first headers.
      stream.on('response', note)
      stream.on('trailers', note)
      stream.on('error', reject)
      stream.on('end', () => {
        if (status === '0') resolve(Buffer.concat(parts).subarray(GRPC_HEAD_BYTES))
        else reject(new Error(`${path}: gRPC status ${String(status)}`))
      })
      const head = Buffer.alloc(GRPC_HEAD_BYTES)
      head.writeUInt32BE(message.length, 1)
      stream.end(Buffer.concat([head, message]))
    })
  }

  #connected(): ClientHttp2Session {
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect(this.#url, { settings: { initialWindowSize: WINDOW_BYTES } })
    // Each request on it fails by itself; the next one connects anew.
    session.on('error', () => undefined)
    this.#session = session
    return session
  }
}

/** etcd's JSON gateway: the same calls over HTTP/1.1, keys and values in base64. */
class GatewayCaller implements Caller {
  readonly #poster: JsonPoster

  constructor(url: string) {
    this.#poster = new JsonPoster(url)
  }

  async put(key: string, value: string): Promise<void> {
    await this.#poster.post('/v3/kv/put', { key: base64(key), value: base64(value) })
  }

  async get(key: string): Promise<string | undefined> {
    const answer = v.parse(rangeSchema, await this.#poster.post('/v3/kv/range', { key: base64(key) }))
    const value = answer.kvs[0]?.value
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8')
  }

  close(): void {
    this.#poster.close()
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
