import { hash } from 'node:crypto'
import type { Digest } from '../model/digest.ts'

/**
 * One line of JSON whose last field is the checksum of all that stands before it in the line:
 * `{"_id":…,"value":"…","checksum":"<SHA-256, 64 hexadecimal digits>"}`.
 *
 * The checksum is taken over the bytes as they lie on disk, so no changed byte goes unnoticed, not even one that
 * leaves the JSON's meaning as it was. This layout stays the same in every format version.
 */
const SUFFIX_START = ',"checksum":"'
const SUFFIX = /^,"checksum":"([0-9a-f]{64})"\}$/
const SUFFIX_BYTES = SUFFIX_START.length + 64 + '"}'.length

/** @returns the checksum the fields get, and the length of their line in bytes when all of it is ASCII. */
export function checksumOf(fields: object): { readonly checksum: Digest; readonly lineBytes: number } {
  const covered = JSON.stringify(fields).slice(0, -1)
  return { checksum: hash('sha256', covered, 'hex') as Digest, lineBytes: covered.length + SUFFIX_BYTES }
}

/** @returns what the line says, or undefined when its checksum does not hold. */
export function readCheckedLine(line: Buffer): { readonly value: unknown; readonly checksum: Digest } | undefined {
  const coveredBytes = line.length - SUFFIX_BYTES
  if (coveredBytes <= 0) return undefined
  const checksum = SUFFIX.exec(line.toString('latin1', coveredBytes))?.[1]
  if (checksum === undefined || hash('sha256', line.subarray(0, coveredBytes), 'hex') !== checksum) return undefined
  const value = parsed(line.toString('utf8'))
  return value === undefined ? undefined : { value, checksum: checksum as Digest }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
