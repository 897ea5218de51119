import { expect, it } from 'vitest'
import { sha256 } from '../../../core/crypto/hash.ts'

it('FIPS 180-4: hashes the message "abc" and the empty message to their published digests', () => {
  expect([sha256(new TextEncoder().encode('abc')), sha256(new Uint8Array())]).toEqual([
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  ])
})

it('hashes the bytes of a view, not of the buffer behind it', () => {
  const view = new TextEncoder().encode('xabcx').subarray(1, 4)
  expect(sha256(view)).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
