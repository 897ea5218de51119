/** Diagnostics: one event with its fields. Never the replicated log. */
export type Trace = (event: string, fields?: Readonly<Record<string, unknown>>) => void

export const traceNothing: Trace = () => undefined
