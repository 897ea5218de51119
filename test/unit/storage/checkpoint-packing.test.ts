import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { concatBytes, equalBytes } from '../../../core/base/bytes.ts'
import { sha256 } from '../../../core/crypto/hash.ts'
import { partitionOf } from '../../../core/state/partition.ts'
import { State } from '../../../core/state/state.ts'
import { encodePartition, packPartition, unpackPartition } from '../../../core/storage/checkpoint-partition.ts'
import { Slices } from '../../../core/storage/checkpoint-slices.ts'
import { endsWithNothing, ZstdLane } from '../../../core/storage/zstd-lane.ts'
import { loaded, openCheckpoints, writeCheckpoint } from './checkpoint-parts.ts'
import { removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'

afterAll(removeTemporaryFolders)

/** Of the output of Zstandard; partitions are packed one behind the other into chunks of this size. */
const CHUNK_BYTES = 64 * 1024
const [FIRST, SECOND, THIRD] = ['a', 'b', 'c'].toSorted((left, right) => partitionOf(left) - partitionOf(right)) as [
  string,
  string,
  string,
]

/** Can't be packed, but for its end, which was there before: so its packed form is used, and as long as one likes. */
function packable(noise: Uint8Array, length: number): Uint8Array {
  return concatBytes([noise.subarray(0, length), noise.subarray(0, 4_000)])
}

function stateOf(noise: Uint8Array, length: number): State {
  const state = new State(sha256)
  state.set(FIRST, packable(noise, 40_000))
  state.set(SECOND, packable(noise, length))
  // A lane that was given more than a frame is of no more use.
  state.set(THIRD, packable(noise, 5_000))
  return state
}

/** How long the two partitions come out of one lane, one behind the other. */
async function packedBytes(state: State): Promise<{ readonly bytes: number; readonly endsSo: boolean }> {
  const lane = ZstdLane.packing(1)
  let [bytes, endsSo] = [0, false]
  for (const key of [FIRST, SECOND]) {
    const encoded = await encodePartition(state.freeze().entries(partitionOf(key)), new Slices())
    const packed = (encoded && (await lane.run(encoded.raw, Number.POSITIVE_INFINITY))) ?? []
    bytes += packed.reduce((sum, { length }) => sum + length, 0)
    endsSo = endsWithNothing(packed)
  }
  lane.close()
  return { bytes, endsSo }
}

describe('partitions packed one behind the other', () => {
  it('are verified and read back wherever the chunks of the output end', async () => {
    const noise = randomBytes(CHUNK_BYTES)
    const around = CHUNK_BYTES - 40_000
    const { bytes } = await packedBytes(stateOf(noise, around))
    const store = await openCheckpoints(temporaryFolder())
    let found = 0
    for (let spare = -12; spare <= 12; spare += 1) {
      const state = stateOf(noise, around - (bytes - CHUNK_BYTES) + spare)
      if ((await packedBytes(state)).endsSo) found += 1
      const at = spare + 100
      await writeCheckpoint(store, at, state.freeze())
      expect((await loaded(store, at)).root()).toBe(state.root())
    }
    expect(found, 'the end of a frame met the end of a chunk').toBe(1)
    await store.close()
  })

  it('so are those that are packed by themselves, longer than a chunk', async () => {
    const chunk = 1024 * 1024
    const noise = randomBytes(chunk)
    const packableTo = (length: number): Uint8Array =>
      concatBytes([noise.subarray(0, 900_000), new Uint8Array(20_000), noise.subarray(0, length - 900_000)])
    const more = (await packPartition(packableTo(chunk - 200))).length - (chunk - 200)
    const sizes: number[] = []
    for (let spare = -4; spare <= 4; spare += 1) {
      const raw = packableTo(chunk - more + spare)
      const packed = await packPartition(raw)
      sizes.push(packed.length - chunk)
      expect(endsWithNothing([packed])).toBe(false)
      expect(equalBytes((await unpackPartition(packed, raw.length)) ?? new Uint8Array(), raw)).toBe(true)
    }
    expect(sizes, 'the end of a frame met the end of a chunk').toContain(0)
  })
})
