import { hash } from 'node:crypto'
import * as v from 'valibot'
import { InvariantError, assert, present, unreachable } from '../base/assert.ts'
import { decodeCanonical, encodeCanonical } from '../model/canonical.ts'
import type { Certificate } from '../model/checkpoint.ts'
import type { Digest } from '../model/digest.ts'
import type { ClusterId, ReplicaId } from '../model/ids.ts'
import { LIMITS } from '../model/limits.ts'
import type { LogRecord } from '../model/record.ts'
import { certificateSchema } from '../wire/checkpoint.ts'
import { countSchema, digestSchema, slotSchema } from '../wire/schema.ts'
import { checksumOf, readCheckedLine } from './checked-line.ts'

/** The version of the records on disk. A folder with records of a newer one is refused. */
export const STORAGE_FORMAT = 1

/** Where a chain of documents stands: the number of its last document and that document's checksum. */
export interface ChainEnd {
  /** Counted from 1; 0 before the first document. */
  readonly number: number
  readonly checksum: Digest
}

const ID_DIGITS = 16

/** The fields beside a value: names, number, two checksums, and a ballot whose proposer is all escapes. */
export const DOCUMENT_FIELDS_BYTES_MAX = 1024
/** What a certificate takes instead of a value, at most: an attestation by each member. */
export const CERTIFICATE_BYTES_MAX = LIMITS.membersMax * 1024
export const LINE_BYTES_MAX = base64Bytes(LIMITS.partBytesMax) + DOCUMENT_FIELDS_BYTES_MAX

const common = {
  /** The record's number, padded with zeros: NeDB sorts by it when it rewrites a file. */
  _id: v.pipe(v.string(), v.regex(/^\d{16}$/)),
  format: v.literal(STORAGE_FORMAT),
  /** The checksum of the document before this one. */
  link: digestSchema,
  /** The number of the last record known durable when this one was written: that one was never torn. */
  durable: countSchema,
}
const sealed = { checksum: digestSchema }
const ballot = { round: countSchema, proposer: v.string() }
const value = { value: v.string() }
const certificate = { certificate: v.pipe(v.string(), v.check(isCertificate)) }

const documentSchema = v.variant('kind', [
  v.strictObject({ ...common, kind: v.literal('promised'), ...ballot, ...sealed }),
  v.strictObject({ ...common, kind: v.literal('accepted'), slot: slotSchema, ...ballot, ...value, ...sealed }),
  v.strictObject({ ...common, kind: v.literal('learned'), slot: slotSchema, ...value, ...sealed }),
  v.strictObject({ ...common, kind: v.literal('decided'), slot: slotSchema, ...sealed }),
  v.strictObject({ ...common, kind: v.literal('jumped'), ...certificate, ...sealed }),
])

/** One record as NeDB keeps it. */
export type RecordDocument = v.InferOutput<typeof documentSchema>

/** Before the first document: another cluster's or replica's first document does not fit here. */
export function chainStart(cluster: ClusterId, replica: ReplicaId): ChainEnd {
  const checksum = hash('sha256', JSON.stringify(['synod record store', cluster, replica]), 'hex') as Digest
  return { number: 0, checksum }
}

/** The document of the record that follows `after`, and the length of its line on disk without the newline. */
export function toDocument(
  record: LogRecord,
  { after, durable }: { readonly after: ChainEnd; readonly durable: number },
): { readonly document: RecordDocument; readonly lineBytes: number } {
  assert(durable <= after.number, 'only records before this one are durable before it is')
  const fields = { ...headOf(after), durable, ...contentOf(record) }
  const { checksum, lineBytes } = checksumOf(fields)
  assert(lineBytes <= LINE_BYTES_MAX, `a record is at most ${LINE_BYTES_MAX} bytes long on disk`)
  return { document: { ...fields, checksum }, lineBytes }
}

/** What every line of the document that follows `after` begins with. */
export function lineStart(after: ChainEnd): string {
  return `${JSON.stringify(headOf(after)).slice(0, -1)},"durable":`
}

function headOf(after: ChainEnd): Pick<RecordDocument, '_id' | 'format' | 'link'> {
  const number = after.number + 1
  assert(Number.isSafeInteger(number), 'a record number is a safe integer')
  return { _id: String(number).padStart(ID_DIGITS, '0'), format: STORAGE_FORMAT, link: after.checksum }
}

type Content<Document> = Document extends RecordDocument ? Omit<Document, keyof typeof common | 'checksum'> : never

function contentOf(record: LogRecord): Content<RecordDocument> {
  switch (record.kind) {
    case 'promised':
      return { kind: 'promised', round: record.ballot.round, proposer: escaped(record.ballot.proposer) }
    case 'accepted': {
      const { slot, ballot } = record
      const proposer = escaped(ballot.proposer)
      return { kind: 'accepted', slot, round: ballot.round, proposer, value: toBase64(record.value) }
    }
    case 'learned':
      return { kind: 'learned', slot: record.slot, value: toBase64(record.value) }
    case 'decided':
      return { kind: 'decided', slot: record.slot }
    case 'jumped':
      return { kind: 'jumped', certificate: toBase64(encodeCertificate(record.certificate)) }
    default:
      return unreachable(record)
  }
}

export type ReadDocument =
  | {
      readonly kind: 'document'
      readonly number: number
      readonly link: Digest
      readonly durable: number
      readonly checksum: Digest
      readonly record: LogRecord
    }
  /** Whole, and written by a newer version. */
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged' }

const newerSchema = v.object({ format: v.pipe(v.number(), v.minValue(STORAGE_FORMAT + 1)) })

/** Reads one line (without its newline) and checks it against its own checksum; the chain is the caller's to check. */
export function readDocument(line: Buffer): ReadDocument {
  const checked = readCheckedLine(line)
  if (checked === undefined) return { kind: 'damaged' }
  const newer = v.safeParse(newerSchema, checked.value)
  if (newer.success) return { kind: 'newer', format: newer.output.format }
  const parsed = v.safeParse(documentSchema, checked.value)
  if (!parsed.success) return { kind: 'damaged' }
  const document = parsed.output
  return {
    kind: 'document',
    number: Number(document._id),
    link: document.link,
    durable: document.durable,
    checksum: checked.checksum,
    record: recordOf(document),
  }
}

function recordOf(document: RecordDocument): LogRecord {
  switch (document.kind) {
    case 'promised':
      return { kind: 'promised', ballot: { round: document.round, proposer: unescaped(document.proposer) } }
    case 'accepted': {
      const ballot = { round: document.round, proposer: unescaped(document.proposer) }
      return { kind: 'accepted', slot: document.slot, ballot, value: fromBase64(document.value) }
    }
    case 'learned':
      return { kind: 'learned', slot: document.slot, value: fromBase64(document.value) }
    case 'decided':
      return { kind: 'decided', slot: document.slot }
    case 'jumped':
      return { kind: 'jumped', certificate: present(certificateOf(document.certificate), 'a checked certificate') }
    default:
      return unreachable(document)
  }
}

/** One string, since a document is flat: a torn line is told from a whole one by its only `}`. */
function encodeCertificate({ slot, root, attestations }: Certificate): Uint8Array {
  const signed = attestations.map(({ replica, signature }) => ({ replica, signature }))
  return encodeCanonical({ slot, root, attestations: signed })
}

function isCertificate(text: string): boolean {
  return certificateOf(text) !== undefined
}

function certificateOf(text: string): Certificate | undefined {
  try {
    const parsed = v.safeParse(certificateSchema, decodeCanonical(fromBase64(text)))
    return parsed.success ? parsed.output : undefined
  } catch (error) {
    if (error instanceof InvariantError) return undefined
    throw error
  }
}

/** How many characters these many bytes have in base64. */
export function base64Bytes(bytes: number): number {
  return 4 * Math.ceil(bytes / 3)
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** A copy of its own, because a small Buffer would keep the whole pool it was cut from alive. */
function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/**
 * NeDB ends a line at U+0085, U+2028 and U+2029 too, which JSON leaves as they are, and a torn line is told from a
 * whole one by its only `}`. So all but the letters of ids and addresses is written as `%` and four hexadecimal digits.
 */
function escaped(text: string): string {
  return text.replace(/[^\w.:/@+=-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function unescaped(text: string): ReplicaId {
  const plain = text.replace(/%([0-9a-f]{4})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(present(digits, 'an escape has digits'), 16)),
  )
  return plain as ReplicaId
}
