import { readFileSync } from 'node:fs'

export interface KeptSeed {
  readonly seed: number
  readonly replicas: number
  /** What it showed. */
  readonly what: string
}

/** The seeds of seeds.txt. @throws Error when a line can't be read. */
export function keptSeeds(): readonly KeptSeed[] {
  const text = readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, seed, replicas, what] = /^(\d+)\s+(\d+)\s+(.+)$/.exec(line) ?? []
      if (seed === undefined || replicas === undefined || what === undefined) throw new Error(`seeds.txt: ${line}`)
      return { seed: Number(seed), replicas: Number(replicas), what }
    })
}
