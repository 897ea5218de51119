import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

/** An option is wrong: the message says which, and what was expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * What was given for each option, or its standard; and what every benchmark takes: where data folders are made, and
 * whether the last line is JSON.
 *
 * @throws UsageError for an option that is not there.
 */
export function readValues<Name extends string>(
  args: readonly string[],
  standards: Readonly<Record<Name, string>>,
): { readonly texts: Readonly<Record<Name, string>>; readonly folder: string; readonly json: boolean } {
  const names = Object.keys(standards) as Name[]
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
        folder: { type: 'string', default: tmpdir() },
        json: { type: 'boolean', default: false },
      },
    })
    const given: Readonly<Record<string, unknown>> = values
    const texts: Record<Name, string> = { ...standards }
    for (const name of names) texts[name] = typeof given[name] === 'string' ? given[name] : standards[name]
    return { texts, folder: values.folder, json: values.json }
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

export function list(value: string): string[] {
  return [...new Set(value.split(',').map((part) => part.trim()))]
}

interface Range {
  readonly from: number
  readonly to: number
}

export function number(option: string, text: string, { from, to }: Range): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= from && value <= to) return value
  throw new UsageError(`--${option}: expected a number from ${from} to ${to}, not "${text}"`)
}

export function whole(option: string, text: string, range: Range): number {
  const value = number(option, text, range)
  if (Number.isSafeInteger(value)) return value
  throw new UsageError(`--${option}: expected a whole number, not "${text}"`)
}

export function oneOf<const Name extends string>(option: string, text: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === text)
  if (found !== undefined) return found
  throw new UsageError(`--${option}: expected ${names.join(' or ')}, not "${text}"`)
}
