import { hash } from 'node:crypto'
import type { Digest, HashFunction } from '../../../core/model/digest.ts'

/** The hash a State is given in production, too. */
export const sha256: HashFunction = (bytes) => hash('sha256', bytes, 'hex') as Digest
