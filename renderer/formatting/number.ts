const counts = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

/** "4,812". */
export function formatCount(value: number): string {
  return counts.format(value)
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Decimal units with up to three figures: "812 B", "1.24 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit] ?? 'B'}`
}

/** A short span, from milliseconds: "0.4 ms", "12 ms", "1.3 s". */
export function formatSpan(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(1)} s`
}
