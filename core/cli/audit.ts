import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditView } from '../api/audit-views.ts'
import type { Outcome } from '../client/answers.ts'
import type { Client } from '../client/client.ts'
import { exitOfOutput, show, showProblem } from './answering.ts'
import { formatAudit, formatAudits } from './audit-formatting.ts'
import { connect } from './connect.ts'
import { dataFolderOf } from './data-folder.ts'
import { EXIT } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import { formatAgreement } from './formatting.ts'
import { formatCount } from './numbers.ts'
import type { Surroundings } from './surroundings.ts'

export interface AuditOptions {
  readonly data?: string
  readonly cluster?: string
  /** Unit: ms; for the Output, not for the reports. */
  readonly timeout?: number
  readonly json: boolean
}

export interface AuditsOptions {
  readonly data?: string
  readonly cluster?: string
  readonly limit: number
  readonly json: boolean
}

const POLL_MS = 100
/** Every replica hashes its whole State, beside its work. */
const VERDICT_MS = 60_000
/** After there is a verdict, for the reports that are still missing. */
const LATE_MS = 3_000

/** Orders an AUDIT, waits for its verdict, and shows who agrees. */
export async function audit(options: AuditOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster, timeout: timeoutMs } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const choice = cluster === undefined ? {} : { cluster }
  const answer = await client.audit({ ...choice, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  if (!answer.ok) {
    const hint = 'Ask again: one AUDIT more does no harm.'
    return showProblem(surroundings, { json, problem: answer.problem, hint })
  }
  const ordered = answer.value
  if (!ordered.output.ok) {
    show(surroundings, { json, data: ordered, text: formatOrdered(ordered) })
    return exitOfOutput(ordered.output)
  }
  if (!json) surroundings.writeOut(`${formatOrdered(ordered)}\n`)
  const verdict = await waitForVerdict(client, ordered)
  show(surroundings, { json, data: verdict, text: formatAudit(verdict) })
  return verdict.verdict === 'agrees' ? EXIT.done : EXIT.fail
}

/** The newest AUDITs, one a line. */
export async function audits(options: AuditsOptions, surroundings: Surroundings): Promise<ExitCode> {
  const { json, cluster, limit } = options
  const client = await connect(dataFolderOf(options, surroundings))
  const answer = await client.audits({ ...(cluster === undefined ? {} : { cluster }), limit })
  if (!answer.ok) return showProblem(surroundings, { json, problem: answer.problem })
  show(surroundings, { json, data: answer.value, text: formatAudits(answer.value.audits) })
  return EXIT.done
}

function formatOrdered({ slot, votes }: Outcome): string {
  return `AUDIT at slot ${formatCount(slot)} · decided · ${formatAgreement(votes)}`
}

/** Of the AUDIT that was ordered, with all reports if they come; or of a later one, when that came first. */
async function waitForVerdict(client: Client, { cluster, slot }: Outcome): Promise<AuditView> {
  const startMs = performance.now()
  let seenMs: number | undefined
  for (;;) {
    const answer = await client.audits({ cluster, limit: 20 })
    const found = answer.ok ? answer.value.audits.filter((each) => each.slot >= slot).at(-1) : undefined
    const nowMs = performance.now()
    if (found !== undefined) {
      seenMs ??= nowMs
      const isWhole = found.replicas.every(({ sign }) => sign !== 'missing')
      if (isWhole || nowMs - seenMs > LATE_MS) return found
    }
    if (found === undefined && nowMs - startMs > VERDICT_MS) {
      const message = `The AUDIT at slot ${slot} has no verdict after ${VERDICT_MS / 1000} s: too few replicas reported. See: npx synod status`
      throw new CommandError({ code: 'AUDIT_OPEN', exit: EXIT.fail }, message)
    }
    await sleep(POLL_MS)
  }
}
