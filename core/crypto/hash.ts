import { hash } from 'node:crypto'
import type { Digest, HashFunction } from '../model/digest.ts'

/** SHA-256 of these bytes, in one call into OpenSSL. */
export const sha256: HashFunction = (bytes) => hash('sha256', bytes, 'hex') as Digest
