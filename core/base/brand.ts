declare const brand: unique symbol

/** A `Base` that only its checked constructor can make. */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name }
