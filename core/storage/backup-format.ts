import { createHash } from 'node:crypto'
import * as v from 'valibot'
import type { Attestation, Certificate } from '../model/checkpoint.ts'
import type { Member } from '../model/configuration.ts'
import type { Digest } from '../model/digest.ts'
import type { ClusterId, Slot } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import { PARTITIONS } from '../state/partition.ts'
import { countSchema, digestSchema, machineNameSchema, replicaIdSchema, slotSchema } from '../wire/schema.ts'
import { checksumOf } from './checked-line.ts'

/**
 * A backup's file, from its first byte to its last:
 *
 * 1. the header, a checked line: whose backup it is, and what follows;
 * 2. for each partition of the checkpoint that is not empty, by rising number: a line that says its number, lengths and
 *    digest, then the packed partition as it lies in a checkpoint;
 * 3. for each slot of the log since, in order: a line that says the slot, the batch's length and the chain's digest,
 *    which covers the one before, then the batch;
 * 4. the end, a checked line: totals, and a digest of every byte before it.
 *
 * The lines of 2 and 3 have one form each. The header's first field, its `format` and the layout of the checked line
 * stay the same in every format version.
 */
export const BACKUP_FORMAT = 1
/** What every backup begins with, whatever its version. */
export const BACKUP_START = '{"kind":"synod backup","format":'

export const HEADER_BYTES_MAX = 64 * 1024
/** Of any other line. */
export const LINE_BYTES_MAX = 1024

/** The stable checkpoint a backup begins with. */
export interface BackupCheckpoint {
  readonly timeMs: number
  readonly keys: number
  readonly stateBytes: number
  /** Its attestations are by a majority of the members. */
  readonly certificate: Certificate
}

export interface BackupHeader {
  readonly cluster: ClusterId
  readonly name: string
  /** The version of Synod that wrote it. */
  readonly synod: string
  /** By the wall clock of who wrote it. Unit: ms since 1970. */
  readonly createdMs: number
  readonly machines: readonly string[]
  readonly members: readonly Member[]
  readonly settings: BackupSettings
  /** Undefined: an empty State at slot 0, and the log from slot 1 on. */
  readonly checkpoint: BackupCheckpoint | undefined
  /** The last slot of the log in it; the checkpoint's when there is none. */
  readonly slotLast: Slot
}

/** What a cluster founded from the backup keeps of the old one's ways. */
export interface BackupSettings {
  readonly rehearsal: boolean
  readonly leaseClockBoundMs?: number | undefined
  readonly checkpointPolicy?: { readonly slotsMax: number; readonly bytesMax: number } | undefined
  readonly auditPolicy?: { readonly slotsMax: number; readonly intervalMs: number } | undefined
}

export interface BackupTotals {
  readonly partitions: number
  readonly slots: number
  /** Before the end line. */
  readonly bytes: number
}

const nameSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
const positive = v.pipe(countSchema, v.minValue(1))

const attestationSchema: v.GenericSchema<unknown, Attestation> = v.strictObject({
  replica: replicaIdSchema,
  signature: v.pipe(
    v.string(),
    v.base64(),
    v.maxLength(128),
    v.transform((text) => new Uint8Array(Buffer.from(text, 'base64'))),
  ),
})

const checkpointSchema: v.GenericSchema<unknown, BackupCheckpoint> = v.pipe(
  v.strictObject({
    slot: slotSchema,
    timeMs: countSchema,
    root: digestSchema,
    keys: countSchema,
    stateBytes: countSchema,
    attestations: v.pipe(v.array(attestationSchema), v.maxLength(LIMITS.membersMax)),
  }),
  v.transform(({ slot, root, attestations, ...rest }) => ({ ...rest, certificate: { slot, root, attestations } })),
)

export const settingsSchema = v.strictObject({
  rehearsal: v.boolean(),
  leaseClockBoundMs: v.optional(v.pipe(positive, v.maxValue(200))),
  checkpointPolicy: v.optional(v.strictObject({ slotsMax: positive, bytesMax: positive })),
  auditPolicy: v.optional(v.strictObject({ slotsMax: positive, intervalMs: v.pipe(positive, v.minValue(100)) })),
})

export const headerSchema: v.GenericSchema<unknown, BackupHeader> = v.pipe(
  v.strictObject({
    kind: v.literal('synod backup'),
    format: v.literal(BACKUP_FORMAT),
    cluster: v.pipe(
      v.string(),
      v.minLength(1),
      v.maxLength(64),
      v.transform((value) => value as ClusterId),
    ),
    name: nameSchema,
    synod: v.pipe(v.string(), v.maxLength(64)),
    createdMs: countSchema,
    machines: v.pipe(v.array(machineNameSchema), v.maxLength(256)),
    members: v.pipe(
      v.array(v.strictObject({ replica: replicaIdSchema, name: nameSchema })),
      v.minLength(1),
      v.maxLength(LIMITS.membersMax),
      v.check((members) => new Set(members.map(({ replica }) => replica)).size === members.length, 'each member once'),
    ),
    settings: settingsSchema,
    checkpoint: v.nullable(checkpointSchema),
    slotLast: slotSchema,
    checksum: digestSchema,
  }),
  v.transform(({ checkpoint, kind: _kind, format: _format, checksum: _checksum, ...rest }) => ({
    ...rest,
    checkpoint: checkpoint ?? undefined,
  })),
)

export const newerSchema = v.object({ format: v.pipe(v.number(), v.minValue(BACKUP_FORMAT + 1)) })

const partitionLineSchema = v.strictObject({
  partition: v.pipe(countSchema, v.maxValue(PARTITIONS - 1)),
  packedBytes: v.pipe(positive, v.maxValue(LIMITS.partitionBytesMax)),
  rawBytes: v.pipe(positive, v.maxValue(LIMITS.partitionBytesMax)),
  digest: digestSchema,
})
const slotLineSchema = v.strictObject({
  slot: slotSchema,
  bytes: v.pipe(countSchema, v.maxValue(LIMITS.partBytesMax)),
  chain: digestSchema,
})
/** Of what stands between header and end. */
export const itemLineSchema = v.union([partitionLineSchema, slotLineSchema])

export type PartitionLine = v.InferOutput<typeof partitionLineSchema>
export type SlotLine = v.InferOutput<typeof slotLineSchema>

export const endSchema = v.strictObject({
  end: v.literal('synod backup'),
  partitions: countSchema,
  slots: countSchema,
  bytes: countSchema,
  digest: digestSchema,
  checksum: digestSchema,
})
/** What the end line begins with. */
export const END_START = '{"end":'

export function headerLine(header: BackupHeader): Buffer {
  const { checkpoint, cluster, name, synod, createdMs, machines, settings, slotLast } = header
  const members = header.members.map(({ replica, name: memberName }) => ({ replica, name: memberName }))
  const head = { kind: 'synod backup', format: BACKUP_FORMAT, cluster, name, synod, createdMs, machines, members }
  return checkedLine({ ...head, settings, checkpoint: checkpointFields(checkpoint), slotLast })
}

function checkpointFields(checkpoint: BackupCheckpoint | undefined): object | null {
  if (checkpoint === undefined) return null
  const { timeMs, keys, stateBytes, certificate } = checkpoint
  const attestations = certificate.attestations.map(({ replica, signature }) => ({
    replica,
    signature: Buffer.from(signature).toString('base64'),
  }))
  return { slot: certificate.slot, timeMs, root: certificate.root, keys, stateBytes, attestations }
}

export function partitionLine({ partition, packedBytes, rawBytes, digest }: PartitionLine): Buffer {
  return Buffer.from(`${JSON.stringify({ partition, packedBytes, rawBytes, digest })}\n`, 'utf8')
}

export function slotLine({ slot, bytes, chain }: SlotLine): Buffer {
  return Buffer.from(`${JSON.stringify({ slot, bytes, chain })}\n`, 'utf8')
}

export function endLine({ partitions, slots, bytes }: BackupTotals, digest: Digest): Buffer {
  return checkedLine({ end: 'synod backup', partitions, slots, bytes, digest })
}

function checkedLine(fields: object): Buffer {
  return Buffer.from(`${JSON.stringify({ ...fields, checksum: checksumOf(fields).checksum })}\n`, 'utf8')
}

/** The chain starts from the header's line, so that no batch of another backup fits in. */
export function chainStart(header: Uint8Array): Digest {
  return createHash('sha256').update('synod backup chain').update(header).digest('hex') as Digest
}

export function chainAfter(before: Digest, slot: Slot, value: Uint8Array): Digest {
  return createHash('sha256').update(`${before} ${slot} ${value.length} `).update(value).digest('hex') as Digest
}
