import { sha256 } from '../../../core/crypto/hash.ts'
import { createSigner } from '../../../core/crypto/signer.ts'
import { attestedBytes } from '../../../core/model/checkpoint.ts'
import type { Member } from '../../../core/model/configuration.ts'
import { clusterId, slot, slotAfter } from '../../../core/model/ids.ts'
import type { ClusterId, Slot } from '../../../core/model/ids.ts'
import { PARTITIONS } from '../../../core/state/partition.ts'
import { State } from '../../../core/state/state.ts'
import type { BackupHeader } from '../../../core/storage/backup-format.ts'
import { BackupWriter } from '../../../core/storage/backup-writing.ts'
import type { CreateFile } from '../../../core/storage/backup-writing.ts'
import { encodePartition, packPartition } from '../../../core/storage/checkpoint-partition.ts'
import { Slices } from '../../../core/storage/checkpoint-slices.ts'
import { createIdentity } from '../../../core/transport/identity.ts'
import type { Identity } from '../../../core/transport/identity.ts'

/** A cluster that never ran, for its keys and its id. */
export interface Founders {
  readonly cluster: ClusterId
  readonly identities: readonly Identity[]
}

export async function createFounders(): Promise<Founders> {
  const identities = await Promise.all([1, 2, 3].map(() => createIdentity()))
  return { cluster: clusterId('0123456789abcdef0123456789abcdef'), identities }
}

export function stateOf(keys: number, value: (index: number) => string = (index) => `value ${index}`): State {
  const state = new State(sha256)
  for (let index = 0; index < keys; index += 1) state.set(`kv/key-${index}`, value(index))
  return state
}

export interface Content {
  readonly founders: Founders
  /** Undefined: no checkpoint. */
  readonly state?: State | undefined
  readonly slotCheckpoint?: number
  readonly batches: readonly Uint8Array[]
  /** How many of the members sign. */
  readonly signers?: number
  readonly header?: Partial<BackupHeader>
  readonly create?: CreateFile
}

export function headerOf({ founders, state, slotCheckpoint = 0, batches, signers = 2, header }: Content): BackupHeader {
  const { cluster, identities } = founders
  const at = slot(slotCheckpoint)
  const members: Member[] = identities.map(({ replica }, index) => ({ replica, name: 'abc'[index] ?? '?' }))
  const root = state?.root()
  const attestations =
    root === undefined
      ? []
      : identities.slice(0, signers).map(({ replica, privateKey }) => ({
          replica,
          signature: createSigner(privateKey).sign(attestedBytes({ cluster, slot: at, root })),
        }))
  return {
    cluster,
    name: 'söme cluster',
    synod: '0.1.0',
    createdMs: 1_790_000_000_000,
    machines: ['kv', 'ledger'],
    members,
    settings: { rehearsal: true },
    checkpoint:
      root === undefined
        ? undefined
        : { timeMs: 17, keys: state?.size ?? 0, stateBytes: 0, certificate: { slot: at, root, attestations } },
    slotLast: slot(slotCheckpoint + batches.length),
    ...header,
  }
}

/** Writes a backup as a replica does, from a State and batches given. @returns its length. */
export async function writeBackup(file: string, content: Content): Promise<number> {
  const { state, batches } = content
  const slices = new Slices()
  const packed = []
  let stateBytes = 0
  for (let partition = 0; state !== undefined && partition < PARTITIONS; partition += 1) {
    const entries = state.entries(partition)
    if (entries.length === 0) continue
    const encoded = await encodePartition(entries, slices)
    if (encoded === undefined) throw new Error('the partition is too large')
    stateBytes += encoded.raw.length
    packed.push({ partition, ...encoded, bytes: await packPartition(encoded.raw) })
  }
  const plain = headerOf(content)
  const checkpoint = plain.checkpoint === undefined ? undefined : { ...plain.checkpoint, stateBytes }
  const writer = await BackupWriter.create(file, { ...plain, checkpoint }, content.create)
  try {
    for (const { partition, bytes, raw, digest } of packed) {
      await writer.partition({ partition, packedBytes: bytes.length, rawBytes: raw.length, digest })
      await writer.piece(bytes.subarray(0, 5))
      await writer.piece(bytes.subarray(5))
    }
    let last: Slot = plain.checkpoint?.certificate.slot ?? slot(0)
    for (const value of batches) {
      last = slotAfter(last)
      await writer.slot(last, value)
    }
    return await writer.finish()
  } catch (error) {
    await writer.abandon()
    throw error
  }
}
