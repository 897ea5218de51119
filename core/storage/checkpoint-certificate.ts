import * as v from 'valibot'
import type { Certificate } from '../model/checkpoint.ts'
import { LIMITS } from '../model/limits.ts'
import { digestSchema, replicaIdSchema, slotSchema } from '../wire/schema.ts'
import type { CheckpointDisk } from './checkpoint-disk.ts'
import { damaged } from './checkpoint-disk.ts'
import { checkedLine, readOwnedLine } from './checkpoint-file.ts'
import type { NamedFile } from './checkpoint-file.ts'

const CERTIFICATE_FORMAT = 1
/** Far above what the attestations of all members take. */
const CERTIFICATE_BYTES_MAX = 64 * 1024

const certificateSchema = v.strictObject({
  format: v.literal(CERTIFICATE_FORMAT),
  cluster: v.string(),
  replica: v.string(),
  slot: slotSchema,
  root: digestSchema,
  attestations: v.pipe(
    v.array(v.strictObject({ replica: replicaIdSchema, signature: v.pipe(v.string(), v.base64()) })),
    v.maxLength(LIMITS.membersMax),
  ),
  checksum: digestSchema,
})

export interface StoredCertificate {
  readonly certificate: Certificate
  readonly bytes: number
}

/**
 * Reads a checkpoint's certificate.
 *
 * @throws StorageError when it is damaged, of a newer format, or of another cluster or replica.
 */
export async function readCertificate(disk: CheckpointDisk, named: NamedFile): Promise<StoredCertificate> {
  const opened = await disk.open(named.file)
  try {
    if (opened.bytes > CERTIFICATE_BYTES_MAX) throw damaged(named.file)
    const line = await opened.read(0, opened.bytes)
    const { slot, root, attestations } = readOwnedLine(line, named, certificateSchema)
    const signed = attestations.map(({ replica, signature }) => ({
      replica,
      signature: new Uint8Array(Buffer.from(signature, 'base64')),
    }))
    return { certificate: { slot, root, attestations: signed }, bytes: opened.bytes }
  } finally {
    await opened.close()
  }
}

/** The line a certificate is kept as. */
export function certificateLine({ slot, root, attestations }: Certificate, { owner }: NamedFile): Buffer {
  const signed = attestations.map(({ replica, signature }) => ({
    replica,
    signature: Buffer.from(signature).toString('base64'),
  }))
  const { cluster, replica } = owner
  const head = { format: CERTIFICATE_FORMAT, cluster, replica, slot, root }
  return Buffer.from(checkedLine({ ...head, attestations: signed }), 'utf8')
}
