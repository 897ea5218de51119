/**
 * What State, Inputs and Outputs are made of: exactly what has one encoding.
 * No undefined, no NaN or infinity, no -0, no Date, no class instance.
 */
export type CanonicalValue =
  null | boolean | number | string | Uint8Array | readonly CanonicalValue[] | { readonly [key: string]: CanonicalValue }
