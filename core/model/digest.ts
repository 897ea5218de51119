import type { Brand } from '../base/brand.ts'

/** SHA-256 in lower-case hexadecimal, 64 characters. */
export type Digest = Brand<string, 'Digest'>

/** Injected, because ranks 0-4 hold no cryptography of their own. Must be SHA-256, and keep nothing of the bytes. */
export type HashFunction = (bytes: Uint8Array) => Digest
