/** 4812 -> "4,812", the same in every locale. */
export function formatCount(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB'] as const

/** 2048 -> "2.0 KiB". */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const value = bytes / 1024 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power] ?? 'B'}`
}
