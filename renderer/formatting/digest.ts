/** How many tints `styles/digest.css` defines. */
export const DIGEST_TINTS = 24

/** First six hexadecimal digits: what a chip shows. */
export function digestShort(digest: string): string {
  return digest.slice(0, 6)
}

/** The tint of a digest, 0 to 23; equal digests share it, digests that differ mostly do not. */
export function digestTint(digest: string): number {
  const head = Number.parseInt(digest.slice(0, 6), 16)
  return Number.isNaN(head) ? 0 : head % DIGEST_TINTS
}
