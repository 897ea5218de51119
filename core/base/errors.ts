/**
 * Base of operating errors: expected, handled, shown.
 *
 * `fault.code` is stable and for programs; `message` is for people and says what happened and what to do.
 */
export abstract class SynodError<Fault extends { readonly code: string }> extends Error {
  readonly fault: Fault

  constructor(fault: Fault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.fault = fault
  }
}

/** The words of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
