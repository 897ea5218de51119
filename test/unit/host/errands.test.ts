import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'
import { createVerifier } from '../../../core/crypto/signer.ts'
import { runErrand } from '../../../core/host/errands.ts'
import type { Errand } from '../../../core/host/protocol.ts'
import { encodeCanonical } from '../../../core/model/canonical.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import { clientId, clusterId, replicaId, sequence, slot } from '../../../core/model/ids.ts'
import type { LogRecord } from '../../../core/model/record.ts'
import { State } from '../../../core/state/state.ts'
import { BackupError } from '../../../core/storage/backup-errors.ts'
import { openCheckpointStore } from '../../../core/storage/checkpoint-store.ts'
import { openRecordStore } from '../../../core/storage/nedb-record-store.ts'
import { encodeBatch } from '../../../core/wire/batch.ts'
import { createFounders, stateOf, writeBackup } from '../storage/backup-parts.ts'
import type { Content, Founders } from '../storage/backup-parts.ts'

let old: Founders
let fresh: Founders
let folder: string
let file: string

beforeAll(async () => {
  old = await createFounders()
  fresh = { ...(await createFounders()), cluster: clusterId('fedcba9876543210fedcba9876543210') }
})

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'synod-errands-'))
  file = join(folder, 'demo.synod')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

function increment(client: string, timeMs: number): Uint8Array {
  const input = {
    kind: 'input',
    client: clientId(client),
    sequence: sequence(1),
    machine: 'kv',
    payload: encodeCanonical({ op: 'increment', key: 'n' }),
    proxy: replicaId('someone'),
  } as const
  return encodeBatch({ kind: 'inputs', timeMs, inputs: [input] })
}

const BATCHES = [increment('x', 1_000), encodeBatch({ kind: 'noop' }), increment('y', 900), increment('x', 2_000)]

function write(content: Partial<Content> = {}): Promise<number> {
  return writeBackup(file, { founders: old, state: stateOf(50), slotCheckpoint: 70, batches: BATCHES, ...content })
}

function restore(into = folder): Errand {
  const replicas = fresh.identities.map(({ replica, privateKey }, index) => ({
    replica,
    privateKey,
    folder: join(into, 'abc'[index] ?? ''),
  }))
  return { kind: 'restore', file, cluster: fresh.cluster, replicas }
}

describe('an errand to restore', () => {
  it('gives each new replica the State after the last slot, attested by all, and a log that goes on behind it', async () => {
    await write()
    const told: string[] = []
    const backup = await runErrand(restore(), (phase, done, total) => told.push(`${phase} ${done}/${total}`))
    expect(backup.header).toMatchObject({ slotLast: 74, cluster: old.cluster })
    expect(told.slice(-3)).toEqual(['founding 0/3', 'founding 1/3', 'founding 2/3'])
    const roots = new Set<string>()
    for (const [index, { replica }] of fresh.identities.entries()) {
      const init = { folder: join(folder, 'abc'[index] ?? ''), cluster: fresh.cluster, replica }
      const checkpoints = await openCheckpointStore(init)
      const [found, ...more] = checkpoints.checkpoints
      expect([found?.slot, found?.timeMs, more.length]).toEqual([74, 2_000, 0])
      const { attestations = [], root = sha256(new Uint8Array()) } = found?.certificate ?? {}
      const bytes = attestedBytes({ cluster: fresh.cluster, slot: slot(74), root })
      const verify = createVerifier()
      expect(attestations.map(({ replica: by, signature }) => [by, verify(by, bytes, signature)])).toEqual(
        fresh.identities.map((identity) => [identity.replica, true]),
      )
      const state = new State(sha256)
      await checkpoints.load(slot(74), (partition, entries) => {
        state.replacePartition(partition, entries)
      })
      // x counted once: its second Input is a retry.
      expect(state.get('kv/key-7')).toBe('value 7')
      expect(state.get('~time')).toBe(2_000)
      expect(state.get('~session/x')).toEqual([1, 71, 0, { ok: true, value: { value: 1 } }])
      expect(state.get('~session/y')).toEqual([1, 73, 0, { ok: true, value: { value: 2 } }])
      roots.add(state.root())
      const records: LogRecord[] = []
      const store = await openRecordStore({ ...init, mustExist: true, onRecord: (record) => records.push(record) })
      expect(records).toMatchObject([{ kind: 'jumped', certificate: { slot: 74 } }])
      await store.close()
      await checkpoints.close()
    }
    expect(roots.size).toBe(1)
  })

  it('writes nothing from a backup without a slot: such a cluster is founded as any other', async () => {
    await write({ state: undefined, slotCheckpoint: 0, batches: [] })
    expect((await runErrand(restore(), () => undefined)).header.slotLast).toBe(0)
    expect(await readdir(folder)).toEqual(['demo.synod'])
  })

  it('is refused, with nothing written, where a machine of the cluster is missing here', async () => {
    await write({ header: { machines: ['kv', 'chess'] } })
    const failed: unknown = await runErrand(restore(), () => undefined).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(BackupError)
    expect(failed).toMatchObject({ fault: { code: 'BACKUP_MACHINES_UNKNOWN', machines: ['chess'] } })
    expect(await readdir(folder)).toEqual(['demo.synod'])
  })

  it('says what stood in its way when the new replicas can’t be written', async () => {
    await write()
    await writeFile(join(folder, 'taken'), 'a file')
    const failed: unknown = await runErrand(restore(join(folder, 'taken')), () => undefined).catch(
      (error: unknown) => error,
    )
    expect(failed).toMatchObject({ fault: { code: 'RESTORE_FAILED' } })
  })
})
