import { randomBytes } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../../core/base/bytes.ts'
import { endsWithNothing, ZstdLane } from '../../../core/storage/zstd-lane.ts'

const ANY = Number.POSITIVE_INFINITY

describe('a lane', () => {
  it('packs each byte string as a frame of its own, and another unpacks it', async () => {
    const [packing, unpacking] = [ZstdLane.packing(1), ZstdLane.unpacking()]
    for (const length of [1, 200, 50_000, 65_536, 65_537, 300_000, 3_000_000]) {
      const raw = randomBytes(length / 2 + 1).toString('hex')
      const packed = concatBytes((await packing.run(Buffer.from(raw), ANY)) ?? [])
      expect(zstdDecompressSync(packed).toString()).toBe(raw)
      const unpacked = concatBytes((await unpacking.run(packed, raw.length)) ?? [])
      expect(Buffer.from(unpacked).toString()).toBe(raw)
    }
    packing.close()
    unpacking.close()
  })

  it('says so when what it packed ends with a frame of nothing, which no lane takes for part of it', async () => {
    const noise = randomBytes(100_000)
    let found = 0
    for (let spare = -24; spare <= 4; spare += 1) {
      const [packing, unpacking] = [ZstdLane.packing(1), ZstdLane.unpacking()]
      const before = concatBytes((await packing.run(noise.subarray(0, 40_000), ANY)) ?? [])
      const raw = noise.subarray(0, 65_536 - before.length + spare)
      const chunks = (await packing.run(raw, ANY)) ?? []
      if (endsWithNothing(chunks)) found += 1
      else expect(concatBytes((await unpacking.run(concatBytes(chunks), raw.length)) ?? [])).toEqual(concatBytes([raw]))
      packing.close()
      unpacking.close()
    }
    // Where the frame ends with a chunk of the output.
    expect(found).toBe(1)
  })

  it('stops at more bytes than were announced, and at what is no frame; nothing more comes of it then', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000))
    for (const bytes of [bomb, Buffer.from('this is no frame of Zstandard')]) {
      const lane = ZstdLane.unpacking()
      expect(await lane.run(bytes, 1_000_000)).toBeUndefined()
      expect(await lane.run(zstdCompressSync('sound'), ANY)).toBeUndefined()
    }
  })

  it('that is closed gives nothing, nor to who waits', async () => {
    const lane = ZstdLane.packing(1)
    const waiting = lane.run(Buffer.alloc(10_000_000), ANY)
    lane.close()
    expect(await waiting).toBeUndefined()
    expect(await lane.run(Buffer.from('later'), ANY)).toBeUndefined()
  })
})
