/**
 * Takes away what a machine may not reach: clocks, randomness, locale, timers, I/O, the collector of memory, and
 * arithmetic that the language leaves to the engine.
 *
 * What a module put aside while it was loaded (`const now = Date.now`) is out of its reach; the lint rule of
 * core/machine/ (eslint.config.ts) sees that.
 */

/** Names that may not be looked up, not even by `typeof`. */
export const FORBIDDEN_NAMES: readonly string[] = [
  ...['Date', 'Intl', 'performance', 'process', 'crypto'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'requestAnimationFrame', 'Promise', 'Atomics'],
  ...['fetch', 'WebSocket', 'navigator', 'localStorage', 'WeakRef', 'FinalizationRegistry'],
]

const ENGINE_MATH = [
  ...['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'atan2', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh'],
  ...['cbrt', 'exp', 'expm1', 'hypot', 'log', 'log10', 'log1p', 'log2', 'pow'],
]

interface ForbiddenMethod {
  /** As messages name it: `Math.random`. */
  readonly path: string
  readonly holder: object
  readonly method: string
}

/** Methods that may not be called. */
export const FORBIDDEN_METHODS: readonly ForbiddenMethod[] = [
  ...methodsOf('Math', Math, ['random', ...ENGINE_MATH]),
  ...methodsOf('Object.prototype', Object.prototype, ['toLocaleString']),
  ...methodsOf('Number.prototype', Number.prototype, ['toLocaleString']),
  ...methodsOf('BigInt.prototype', BigInt.prototype, ['toLocaleString']),
  ...methodsOf('Array.prototype', Array.prototype, ['toLocaleString']),
  ...methodsOf('TypedArray.prototype', Reflect.getPrototypeOf(Uint8Array.prototype) ?? {}, ['toLocaleString']),
  ...methodsOf('String.prototype', String.prototype, ['localeCompare', 'toLocaleLowerCase', 'toLocaleUpperCase']),
]

/** Something forbidden was reached, whether or not whoever reached for it caught this. */
export class ForbiddenGlobalError extends Error {
  override readonly name = 'ForbiddenGlobalError'
  /** What was reached first. */
  readonly reached: string

  constructor(reached: string) {
    super(`${reached} was reached, which replicas would differ over`)
    this.reached = reached
  }
}

/**
 * Runs `run`, which must end when it returns, without any of it. Puts everything back, however it ends.
 *
 * @throws ForbiddenGlobalError when something forbidden was reached, even if `run` swallowed that.
 */
export function withoutForbiddenGlobals<T>(run: () => T): T {
  let first: ForbiddenGlobalError | undefined
  const refuse = (what: string): never => {
    const error = new ForbiddenGlobalError(what)
    first ??= error
    throw error
  }
  const traps = [
    ...FORBIDDEN_METHODS.map(({ path, holder, method }) => trapFor(holder, method, { value: () => refuse(path) })),
    ...FORBIDDEN_NAMES.map((name) => trapFor(globalThis, name, { get: () => refuse(name) })),
  ]
  let value: T
  try {
    for (const trap of traps) trap?.set()
    value = run()
  } catch (error) {
    throw first ?? error
  } finally {
    for (const trap of traps) trap?.undo()
  }
  if (first !== undefined) throw first
  return value
}

function methodsOf(owner: string, holder: object, methods: readonly string[]): readonly ForbiddenMethod[] {
  return methods.map((method) => ({ path: `${owner}.${method}`, holder, method }))
}

interface Trap {
  readonly set: () => void
  readonly undo: () => void
}

/**
 * Looks at what is there before any trap is set: some globals are loaded by the first look, and use others.
 *
 * @returns undefined for what this version of the platform does not have.
 */
function trapFor(holder: object, key: string, instead: PropertyDescriptor): Trap | undefined {
  const before = Object.getOwnPropertyDescriptor(holder, key)
  if (before === undefined) return undefined
  if (before.configurable !== true) throw new TypeError(`${key} can't be taken away, so nothing would be guarded`)
  return {
    set: () => Object.defineProperty(holder, key, { ...instead, configurable: true }),
    undo: () => Object.defineProperty(holder, key, before),
  }
}
