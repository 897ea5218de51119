import { describe, expect, it } from 'vitest'
import { SimulatedCluster } from './cluster.ts'
import { GOLDEN } from './golden.ts'

describe('the simulator', () => {
  it.each([
    { seed: 77, replicas: 3 },
    { seed: 78, replicas: 5 },
  ])('gives the same run for the same seed ($seed, $replicas replicas)', ({ seed, replicas }) => {
    const first = new SimulatedCluster(seed, replicas).run()
    expect(new SimulatedCluster(seed, replicas).run()).toEqual(first)
  })

  it('gives the same run whether somebody reads the trace or not', () => {
    const lines: string[] = []
    const told = new SimulatedCluster(79, 3, { tell: (line) => lines.push(line) }).run()
    expect(told).toEqual(new SimulatedCluster(79, 3).run())
    expect(lines.length).toBeGreaterThan(100)
  })

  it('gives different runs for different seeds', () => {
    const digests = [1, 2, 3, 4, 5].map((seed) => new SimulatedCluster(seed, 3).run().digest)
    expect(new Set(digests).size).toBe(5)
  })

  it('gives the runs it gave on other machines', () => {
    const digests = GOLDEN.map(({ seed, replicas }) => {
      return { seed, replicas, digest: new SimulatedCluster(seed, replicas).run().digest }
    })
    expect(digests).toEqual(GOLDEN)
  })
})
