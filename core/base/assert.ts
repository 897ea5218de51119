/** A broken promise of the program to itself: a bug, never an operating fault. Whoever meets one halts. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** @throws InvariantError when `condition` does not hold. Stays on in production. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(what)
}

/** @throws InvariantError when `value` is absent. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new InvariantError(what)
  return value
}

/** Ends a switch over a union: a new member fails the build here, not at run time. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}
