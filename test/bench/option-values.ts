/** An option is wrong: the message says which, and what was expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
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
