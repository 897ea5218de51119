import { setTimeout as sleep } from 'node:timers/promises'
import type { DriverProcess } from './driver-process.ts'
import type { SystemName } from './options.ts'
import type { MemberView } from './target.ts'

const LOOK_MS = 50
/** Unit: ms. A member that was killed may take so long to be back; a long log takes its time to be read. */
const WELL_MS_MAX = 120_000
/** Unit: ms. The answer about members may wait behind a leader's election. */
const MEMBERS_MS_MAX = 30_000

/** One of the systems that are compared, up and running. */
export interface System {
  readonly name: SystemName
  /** For people: what runs, and how it is asked. */
  readonly title: string
  /** The process with the clients. */
  readonly driver: DriverProcess
  /** Of its members; a member that is down has none. */
  readonly members: () => Promise<readonly MemberView[]>
  /** Every process that serves, besides the driver itself. */
  readonly serverPids: () => Promise<readonly number[]>
  /** Starts a member again that was killed, where it does not start by itself. */
  readonly revive: (name: string) => Promise<void>
  /** Ends its processes and deletes its data. */
  readonly close: () => Promise<void>
}

export function membersOf(driver: DriverProcess): Promise<readonly MemberView[]> {
  return driver.call('members', null, MEMBERS_MS_MAX)
}

/** Waits until every member serves. @returns them. */
export async function untilWell(
  members: () => Promise<readonly MemberView[]>,
  { except, signal }: { readonly except?: number; readonly signal: AbortSignal },
): Promise<readonly MemberView[]> {
  const deadlineMs = performance.now() + WELL_MS_MAX
  for (;;) {
    signal.throwIfAborted()
    const seen = await members()
    const isWell = seen.every((member) => member.isWell && member.pid !== undefined && member.pid !== except)
    if (isWell && seen.some(({ leads }) => leads)) return seen
    if (performance.now() > deadlineMs) throw new Error(`not all members came up: ${JSON.stringify(seen)}`)
    await sleep(LOOK_MS)
  }
}
