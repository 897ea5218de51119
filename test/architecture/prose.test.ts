import { describe, expect, it } from 'vitest'
import { filesOf, textOf } from './sources.ts'

const LINES_MAX = 500

/** Words that would mean two things, or that promise work nobody wrote down, with what to say instead. */
const BANNED: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /snapshot/i, instead: 'checkpoint (replicated State at a slot) or view (what the console is shown)' },
  { pattern: /\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b/, instead: 'an issue, or the work itself' },
  { pattern: /subscriber/i, instead: 'listener (an observer is a replica that learns and never votes)' },
  { pattern: /ballotNumber|proposalNumber|termNumber|currentTerm/i, instead: 'ballot' },
  { pattern: /logIndex|commitIndex|lastApplied/i, instead: 'slot, slotDecided, slotExecuted' },
  { pattern: /\bcommitted\b|\buncommitted\b/i, instead: 'chosen, decided, executed, released or audited' },
  { pattern: /\bmaster\b|\bslave\b/i, instead: 'leader, follower, member' },
  { pattern: /as unknown as/, instead: 'a checked constructor or a schema' },
  { pattern: /@ts-ignore|@ts-nocheck/, instead: '@ts-expect-error with the reason' },
  { pattern: /\b(describe|it|test)\.only\b/, instead: 'the whole suite' },
]

/** Places where another's vocabulary must be spoken. */
const ALLOWED: readonly { readonly path: string; readonly text: RegExp; readonly reason: string }[] = []

const house = filesOf('core/**/*.{ts,js}', 'electron/**/*.ts', 'renderer/**/*.{ts,vue,css}')
const all = [...house, ...filesOf('test/**/*.ts').filter((path) => path !== 'test/architecture/prose.test.ts')]

describe('the words of the house', () => {
  it('have one meaning each', () => {
    expect(house.flatMap((path) => bannedIn(path))).toEqual([])
  })

  it('are excused only where they still stand', () => {
    expect(ALLOWED.filter(({ path, text }) => !text.test(textOf(path)))).toEqual([])
  })
})

describe('the size of a file', () => {
  it(`stays within ${LINES_MAX} lines`, () => {
    const long = all.filter((path) => textOf(path).trimEnd().split('\n').length > LINES_MAX)
    expect(long).toEqual([])
  })
})

function bannedIn(path: string): readonly string[] {
  return textOf(path)
    .split('\n')
    .flatMap((line, index) => {
      if (ALLOWED.some((allowed) => allowed.path === path && allowed.text.test(line))) return []
      const banned = BANNED.find(({ pattern }) => pattern.test(line))
      return banned === undefined ? [] : [`${path}:${index + 1} "${line.trim()}": say ${banned.instead}`]
    })
}
