import { join } from 'node:path'
import { Linter } from 'eslint'
import { describe, expect, it } from 'vitest'
import { layerRule } from './layer-rule.ts'
import { FILE_EXCEPTIONS, MAY_IMPORT, PURE_ROOMS, importRefusal, roomOf } from './layers.ts'
import { ROOT, filesOf, importsOf, staticImportsOf, textOf } from './sources.ts'

const sources = filesOf('core/**/*.ts', 'electron/**/*.ts', 'renderer/**/*.ts', 'renderer/**/*.vue')

describe('the house plan', () => {
  it('gives every file in core, electron and renderer a room', () => {
    expect(sources.filter((path) => roomOf(path) === undefined)).toEqual([])
  })

  it('lets no room import what stands beside or above it', () => {
    const refusals = sources.flatMap((path) =>
      importsOf(path).flatMap((specifier) => {
        const refusal = importRefusal(path, specifier)
        return refusal === undefined ? [] : [`${path}: ${refusal}`]
      }),
    )
    expect(refusals).toEqual([])
  })

  it('has no circle of rooms', () => {
    expect(circleIn(new Map(Object.entries(MAY_IMPORT)))).toBeUndefined()
  })

  it('has no circle of files', () => {
    const graph = new Map(sources.map((path) => [path, localImportsOf(path)]))
    expect(circleIn(graph)).toBeUndefined()
  })

  it('names no exception for a file that no longer needs it', () => {
    const unused = FILE_EXCEPTIONS.filter(({ from, to }) => !localImportsOf(from).includes(to))
    expect(unused).toEqual([])
  })

  it('compiles exactly the rooms of ranks 0-4 without DOM and Node', () => {
    const pure = JSON.parse(textOf('core/tsconfig.pure.json')) as { include: string[] }
    const existing = PURE_ROOMS.filter((room) => filesOf(`core/${room}/*.ts`).length > 0)
    const unknown = pure.include.filter((room) => !PURE_ROOMS.includes(room))
    const uncovered = existing.filter((room) => !pure.include.includes(room))
    expect({ unknown, uncovered }).toEqual({ unknown: [], uncovered: [] })
  })
})

describe('the check itself', () => {
  it.each([
    ['core/ordering/acceptor.ts', '../log/log.ts', 'ordering may not import log'],
    ['core/ordering/acceptor.ts', '../ports/clock.ts', 'ordering may not import ports'],
    ['core/model/ids.ts', 'node:crypto', 'model is pure'],
    ['core/gateway/http.ts', 'libp2p', 'libp2p lives only in'],
    ['core/surprise/thing.ts', '../base/assert.ts', 'no room of the house plan'],
    ['renderer/pages/Overview.vue', '../../core/host/feed.ts', 'renderer may not import host'],
    ['renderer/main.ts', 'electron', 'electron lives only in'],
    ['electron/main.ts', '../core/host/replica-process.ts', 'electron may not import host'],
  ])('refuses %s importing %s', (from, specifier, reason) => {
    expect(importRefusal(from, specifier)).toContain(reason)
  })

  it.each([
    ['core/ordering/acceptor.ts', '../wire/ordering.ts'],
    ['core/host/replica-process.ts', '../transport/libp2p-transport.ts'],
    ['core/storage/durable-file.ts', 'node:fs/promises'],
    ['electron/replica-process.ts', '../core/host/replica-process.ts'],
    ['renderer/main.ts', './styles/tokens.css'],
  ])('allows %s importing %s', (from, specifier) => {
    expect(importRefusal(from, specifier)).toBeUndefined()
  })

  it('reports the same through ESLint', () => {
    const messages = new Linter({ cwd: ROOT }).verify(
      "import { log } from '../log/log.ts'\nexport { log }\n",
      [
        {
          files: ['**/*.ts'],
          plugins: { synod: { rules: { layers: layerRule } } },
          rules: { 'synod/layers': 'error' },
        },
      ],
      { filename: join(ROOT, 'core/ordering/planted.ts') },
    )
    expect(messages.map(({ ruleId, line }) => [ruleId, line])).toEqual([['synod/layers', 1]])
  })
})

function localImportsOf(path: string): readonly string[] {
  return staticImportsOf(path)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => join(path, '..', specifier).replaceAll('\\', '/'))
}

/** @returns the first circle met, as a path that ends where it began. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const finished = new Set<string>()
  const visit = (node: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node]
    if (finished.has(node)) return undefined
    for (const next of graph.get(node) ?? []) {
      const circle = visit(next, [...trail, node])
      if (circle !== undefined) return circle
    }
    finished.add(node)
    return undefined
  }
  for (const node of graph.keys()) {
    const circle = visit(node, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
