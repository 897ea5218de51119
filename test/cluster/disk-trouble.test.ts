import { chmodSync, existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ClusterView } from '../../core/api/views.ts'
import { present } from '../../core/base/assert.ts'
import {
  Counting,
  Disks,
  SlowDisks,
  expectEqualStates,
  named,
  notesOf,
  orderCheckpoint,
  replicaFolder,
  replicaOf,
  strictLauncher,
} from './disk-trouble-parts.ts'
import { TestHost, isWell, waitFor } from './harness.ts'

const ROLES = ['leader', 'follower'] as const

/** It has this problem, in words an operator can act on, and says so; the others have a leader. */
async function expectProblem(host: TestHost, name: string, code: string, words: RegExp): Promise<void> {
  const view = await host.until(
    `${name} tells of ${code}`,
    (seen) => replicaOf(seen, name).problem?.code === code && seen.leader !== null && seen.leader !== name,
  )
  expect(view.phase).toBe('serving')
  const { message } = replicaOf(view, name).problem ?? { message: '' }
  expect(message).toMatch(words)
  expect(message).toContain('Nothing acknowledged is lost')
  const told = await waitFor('a note', async () => {
    const found = (await notesOf(host)).filter((text) => text.startsWith(`Replica ${name} `) && text.includes(message))
    return found.length > 0 ? found : undefined
  })
  // However often it is tried meanwhile.
  expect(told).toHaveLength(1)
}

async function expectDown(host: TestHost, name: string, code: string): Promise<void> {
  const view = await host.until(`${name} stays down`, (seen) => replicaOf(seen, name).process === 'failed')
  expect(replicaOf(view, name).problem?.code).toBe(code)
}

async function expectRecovered(host: TestHost, counting: Counting): Promise<void> {
  await host.until('all are well', isWell)
  await counting.goesOn()
  await counting.end()
  await expectEqualStates(host)
}

const disks = Disks.open()

// Also when none of the tests that use them was chosen.
afterAll(() => {
  disks?.close()
})

describe.skipIf(disks === undefined)('the disk of one replica, while clients write', () => {
  let host: TestHost
  let own: Disks

  beforeAll(async () => {
    own = present(disks, 'disks')
    host = await TestHost.open()
    await host.found()
    await host.call('cluster.stop', { cluster: host.cluster })
    for (const name of ['a', 'b', 'c']) own.moveTo(name, replicaFolder(host, name))
    await host.call('cluster.start', { cluster: host.cluster })
    await host.until('all are well', isWell)
  })

  afterAll(async () => {
    await host.closeHost()
    own.close()
    await host.close()
  })

  it.each(ROLES)('that is full takes the %s down until there is room', async (role) => {
    const name = await named(host, role)
    const counting = new Counting(host, `full-${role}`)
    await counting.goesOn()
    own.fill(name, 16 * 1024)
    await expectProblem(host, name, 'STORAGE_FULL', /no room left .* Free some space .* started again by itself/)
    await counting.goesOn()
    const { restarts } = replicaOf(await host.view(), name)
    await host.until('it is tried again', (view) => replicaOf(view, name).restarts > restarts + 1)
    await expectProblem(host, name, 'STORAGE_FULL', /no room left/)
    own.makeRoom(name)
    await expectRecovered(host, counting)
  })

  it.each(ROLES)('that may only be read takes the %s down until it may be written', async (role) => {
    const name = await named(host, role)
    const counting = new Counting(host, `read-only-${role}`)
    await counting.goesOn()
    own.makeReadOnly(name, replicaFolder(host, name))
    await expectProblem(host, name, 'STORAGE_READ_ONLY', /may not be read or written: .* mounted read-only/)
    await counting.goesOn()
    own.unplug(replicaFolder(host, name))
    await expectRecovered(host, counting)
  })

  it.each(ROLES)('that vanishes takes the %s down for good; back and started, it goes on', async (role) => {
    const name = await named(host, role)
    const counting = new Counting(host, `vanished-${role}`)
    await counting.goesOn()
    own.unplug(replicaFolder(host, name))
    const view = await host.until('it stays down', (seen) => replicaOf(seen, name).process === 'failed')
    // A write that was under way may have begun a file in the empty place.
    expect(replicaOf(view, name).problem?.code).toMatch(/^STORAGE_(LOG_GONE|CORRUPT)$/)
    await counting.goesOn()
    own.plug(name, replicaFolder(host, name))
    await host.call('replica.start', { cluster: host.cluster, replica: name })
    await expectRecovered(host, counting)
  })
})

const slow = new SlowDisks()
const launcher = strictLauncher(slow)
if (launcher === undefined) {
  process.stderr.write(
    'skipped: a folder that may not be used, and a slow disk; root can not give up its rights here\n',
  )
}

describe.skipIf(launcher === undefined)('the folder of one replica, while clients write', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await TestHost.open(launcher)
    await host.found()
  })

  afterAll(async () => {
    await host.close()
    slow.remove()
  })

  it.each(ROLES)('to which permission is taken away takes the %s down until it is given back', async (role) => {
    const name = await named(host, role)
    const folder = replicaFolder(host, name)
    const counting = new Counting(host, `denied-${role}`)
    await counting.goesOn()
    chmodSync(folder, 0)
    await expectProblem(host, name, 'STORAGE_READ_ONLY', /Let the user Synod runs as read and write the folder/)
    await counting.goesOn()
    chmodSync(folder, 0o700)
    await expectRecovered(host, counting)
  })

  it.each(ROLES)('that is renamed takes the %s down for good, and nothing is made in its place', async (role) => {
    const name = await named(host, role)
    const folder = replicaFolder(host, name)
    const counting = new Counting(host, `renamed-${role}`)
    await counting.goesOn()
    renameSync(folder, `${folder}-away`)
    await expectDown(host, name, 'STORAGE_LOG_GONE')
    await counting.goesOn()
    await host.call('replica.start', { cluster: host.cluster, replica: name })
    await expectDown(host, name, 'STORAGE_LOG_GONE')
    expect(existsSync(folder)).toBe(false)
    renameSync(`${folder}-away`, folder)
    await host.call('replica.start', { cluster: host.cluster, replica: name })
    await expectRecovered(host, counting)
  })

  it('whose checkpoints can’t be written goes on, says so, and writes them when they can be', async () => {
    const name = await named(host, 'follower')
    const checkpoints = join(replicaFolder(host, name), 'checkpoints')
    const counting = new Counting(host, 'no-checkpoint')
    await counting.goesOn()
    const before = replicaOf(await host.view(), name)
    const { length } = await notesOf(host)
    chmodSync(checkpoints, 0o500)
    const { checkpointed } = await orderCheckpoint(host)
    const told = await waitFor('a note', async () =>
      (await notesOf(host)).slice(length).find((text) => text.startsWith(`Replica ${name} could not write`)),
    )
    expect(told).toMatch(
      /checkpoint at slot \d+: A checkpoint may not be written .* the replica goes on; its log keeps/,
    )
    await counting.goesOn()
    const after = replicaOf(await host.view(), name)
    expect(after).toMatchObject({ process: 'running', pid: before.pid, problem: null })
    const slotsAfter = after.storage.checkpoints.map(({ slot }) => slot)
    expect(slotsAfter).toEqual(before.storage.checkpoints.slice(-2).map(({ slot }) => slot))
    expect(slotsAfter).not.toContain(checkpointed)
    chmodSync(checkpoints, 0o700)
    await host.until('it is written', (view) =>
      replicaOf(view, name).storage.checkpoints.some((info) => info.slot === checkpointed && info.stable),
    )
    await expectRecovered(host, counting)
  })

  it('whose disk takes seconds to sync is led around, and followed when it is quick again', async () => {
    const name = await named(host, 'leader')
    const counting = new Counting(host, 'slow-leader')
    await counting.goesOn()
    const { length } = await notesOf(host)
    slow.slow(name, 4_000)
    await host.until('another one leads', ({ leader }) => leader !== null && leader !== name)
    await waitFor('the reason', async () =>
      (await notesOf(host))
        .slice(length)
        .some((text) => text.includes(`the disk of ${name} stalled`) || text.includes('its disk syncs nothing'))
        ? true
        : undefined,
    )
    await counting.goesOn()
    expect(replicaOf(await host.view(), name)).toMatchObject({ process: 'running', problem: null })
    slow.restore()
    await expectRecovered(host, counting)
  })

  it('whose disk takes seconds to sync does not hold the others up', async () => {
    const name = await named(host, 'follower')
    const { leader } = await host.view()
    const counting = new Counting(host, 'slow-follower')
    await counting.goesOn()
    slow.slow(name, 8_000)
    const before = await host.view()
    const grown = (view: ClusterView, of: string): number =>
      replicaOf(view, of).logBytes - replicaOf(before, of).logBytes
    await host.until(
      'its disk lags far behind that of the leader',
      (view) => grown(view, leader ?? '') > 20_000 + 10 * grown(view, name),
    )
    await counting.goesOn()
    expect((await host.view()).leader).toBe(leader)
    slow.restore()
    await expectRecovered(host, counting)
  })
})
