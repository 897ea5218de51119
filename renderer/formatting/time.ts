import { text } from '../text.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long something has lasted, in its largest fitting unit: "12 s", "3 min", "2 h", "5 d". */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < MINUTE) return `${seconds} s`
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h`
  return `${Math.floor(seconds / DAY)} d`
}

/** "now", "12 s ago". A clock that runs ahead of this one reads "now". */
export function formatSince(timeMs: number, nowMs: number): string {
  const ms = nowMs - timeMs
  return ms < 1000 ? text.time.now : text.time.ago(formatAge(ms))
}

/** Local time of day to the millisecond, "07:43:12.051". */
export function formatClock(timeMs: number): string {
  const time = new Date(timeMs)
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, '0')}`
}

/** Local date and time to the millisecond, for hovering and inspectors. */
export function formatExact(timeMs: number): string {
  const time = new Date(timeMs)
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${formatClock(timeMs)}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}
