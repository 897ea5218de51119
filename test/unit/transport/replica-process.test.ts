import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import * as v from 'valibot'
import { afterEach, describe, expect, it } from 'vitest'
import type { Identity } from '../../../core/transport/identity.ts'
import { createIdentity, createNetworkKey } from '../../../core/transport/identity.ts'
import type { Replica } from './cluster.ts'
import { startReplica, until } from './cluster.ts'
import { heartbeat } from './messages.ts'
import type { ReplicaOrders } from './replica-process.ts'

const TEST_MS_MAX = 60_000
const networkKey = createNetworkKey()
const children: ChildProcess[] = []
const running: Replica[] = []

async function start(): Promise<Replica> {
  const replica = await startReplica({ networkKey })
  running.push(replica)
  return replica
}

/** Starts a replica's process, tells it of its peer, and tells the peer of it. */
async function startProcess(identity: Identity, peer: Replica): Promise<ChildProcess> {
  const child = fork(new URL('./replica-process.ts', import.meta.url), { execArgv: [] })
  children.push(child)
  const { privateKey } = identity
  const orders: ReplicaOrders = {
    privateKey,
    networkKey,
    peer: { replica: peer.id, addresses: peer.transport.addresses },
  }
  child.send(orders)
  const answer: unknown[] = await once(child, 'message')
  const addresses = v.parse(v.array(v.string()), answer[0])
  peer.transport.setPeers([{ replica: identity.replica, addresses }])
  await until('it is connected', () => peer.connected.has(identity.replica))
  return child
}

async function beat(replica: Replica, to: Identity): Promise<void> {
  const heard = replica.received.length
  replica.transport.send(to.replica, [heartbeat(heard)])
  await until('the beat is answered', () => replica.received.length === heard + 1)
}

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await Promise.all(running.splice(0).map(({ transport }) => transport.stop()))
})

describe('replicas in processes of their own', { timeout: TEST_MS_MAX }, () => {
  it('find each other again after kill -9 and a restart on another port', async () => {
    const [a, b] = [await start(), await createIdentity()]
    const child = await startProcess(b, a)
    await beat(a, b)
    child.kill('SIGKILL')
    await until('the loss is told', () => !a.connected.has(b.replica))
    await startProcess(b, a)
    await beat(a, b)
  })

  it('end by themselves once they are stopped', async () => {
    const [a, b] = [await start(), await createIdentity()]
    const child = await startProcess(b, a)
    await beat(a, b)
    child.send('stop')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('are heard again after they were paused for longer than a peer waits', async () => {
    const [a, b] = [await start(), await createIdentity()]
    const child = await startProcess(b, a)
    await beat(a, b)
    child.kill('SIGSTOP')
    await until('it is given up', () => !a.connected.has(b.replica))
    child.kill('SIGCONT')
    await until('it is back', () => a.connected.has(b.replica))
    await beat(a, b)
  })
})
