import { readFileSync } from 'node:fs'

const FILE = new URL('../../fixtures/wire/version-1.txt', import.meta.url)

/** The fixture's lines, `<name> <hex>`; those that begin with "#" are for people. */
export function readGolden(): ReadonlyMap<string, string> {
  const lines = readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [name = '', hex = ''] = line.split(' ')
      return [name, hex]
    }),
  )
}
