import type { FastifyReply } from 'fastify'
import type { ConsoleFault } from '../api/contract.ts'

/**
 * What goes wrong at the HTTP door, as RFC 9457 problem details. The `type` is `urn:synod:problem:<name>`, stable and
 * for programs; `detail` is for people.
 */
const PROBLEMS = {
  'invalid-argument': { status: 400, title: 'The request is not what was expected' },
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'malformed-request': { status: 400, title: 'The request is not HTTP as expected' },
  'cluster-not-named': { status: 400, title: 'The request does not say which cluster' },
  unauthorized: { status: 401, title: 'The access token is missing or wrong' },
  'host-refused': { status: 403, title: 'The Host header does not name this gateway' },
  'origin-refused': { status: 403, title: 'Pages of other origins are not served' },
  'not-found': { status: 404, title: 'There is no such address here' },
  'cluster-unknown': { status: 404, title: 'There is no such cluster here' },
  'replica-unknown': { status: 404, title: 'There is no such replica here' },
  'method-not-allowed': { status: 405, title: 'This address does not take that method' },
  'name-taken': { status: 409, title: 'This host has a cluster of that name' },
  'name-differs': { status: 409, title: 'The name typed is not the name of the cluster' },
  'replica-stopped': { status: 409, title: 'The replica does not run' },
  'cluster-stopped': { status: 409, title: 'The cluster is stopped' },
  'rehearsal-off': { status: 409, title: 'This cluster does not allow rehearsal' },
  'fault-unknown': { status: 404, title: 'No such fault was injected' },
  'fault-refused': { status: 409, title: 'This fault can’t be injected here' },
  'backup-exists': { status: 409, title: 'The file is there already' },
  'backup-under-way': { status: 409, title: 'The cluster is being backed up already' },
  'backup-not-found': { status: 404, title: 'There is no such file on the host’s computer' },
  'backup-unreadable': { status: 422, title: 'The backup can’t be read' },
  'backup-not-writable': { status: 422, title: 'The backup can’t be written there' },
  'backup-foreign': { status: 422, title: 'The file is not a Synod backup' },
  'backup-damaged': { status: 422, title: 'The backup is damaged' },
  'backup-format-newer': { status: 422, title: 'The backup was written by a newer Synod' },
  'incident-unknown': { status: 404, title: 'The host knows of no such incident' },
  'task-unknown': { status: 404, title: 'The host knows of no such task' },
  'input-too-large': { status: 413, title: 'The Input is too large' },
  'not-json': { status: 415, title: 'Only application/json is taken' },
  'input-refused': { status: 422, title: 'The Input was refused before ordering' },
  'incidents-unreadable': { status: 500, title: 'The incidents of that cluster were not read' },
  'log-unreadable': { status: 500, title: 'The log of that replica was not read' },
  internal: { status: 500, title: 'The host met an error of its own' },
  fail: { status: 503, title: 'FAIL: no majority of the replicas returned one Output' },
  busy: { status: 503, title: 'The host has too much to do' },
  'host-closing': { status: 503, title: 'The host is closing' },
} as const

export type ProblemName = keyof typeof PROBLEMS

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly [extension: string]: unknown
}

const FAULT_PROBLEMS: Readonly<Record<string, ProblemName>> = {
  INVALID_ARGUMENT: 'invalid-argument',
  INPUT_REFUSED: 'input-refused',
  INPUT_TOO_LARGE: 'input-too-large',
  CLUSTER_UNKNOWN: 'cluster-unknown',
  CLUSTER_STOPPED: 'cluster-stopped',
  REPLICA_UNKNOWN: 'replica-unknown',
  REPLICA_STOPPED: 'replica-stopped',
  LOG_UNREADABLE: 'log-unreadable',
  NAME_TAKEN: 'name-taken',
  NAME_DIFFERS: 'name-differs',
  BUSY: 'busy',
  REHEARSAL_OFF: 'rehearsal-off',
  FAULT_UNKNOWN: 'fault-unknown',
  FAULT_REFUSED: 'fault-refused',
  HOST_CLOSING: 'host-closing',
  BACKUP_EXISTS: 'backup-exists',
  BACKUP_UNDER_WAY: 'backup-under-way',
  BACKUP_NOT_FOUND: 'backup-not-found',
  BACKUP_UNREADABLE: 'backup-unreadable',
  BACKUP_NOT_WRITABLE: 'backup-not-writable',
  BACKUP_FOREIGN: 'backup-foreign',
  BACKUP_DAMAGED: 'backup-damaged',
  BACKUP_FORMAT_NEWER: 'backup-format-newer',
  TASK_UNKNOWN: 'task-unknown',
}

/** Unit: seconds. */
const RETRY_AFTER = 1
const RETRIED: ReadonlySet<ProblemName> = new Set(['busy', 'host-closing'])

export function problem(
  name: ProblemName,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): Problem {
  const { status, title } = PROBLEMS[name]
  return { type: `urn:synod:problem:${name}`, title, status, detail, ...extensions }
}

/** The fault of a call as a problem; a code without a status of its own is the host's error. */
export function problemOfFault(fault: ConsoleFault): Problem {
  return problem(FAULT_PROBLEMS[fault.code] ?? 'internal', fault.message, { code: fault.code })
}

export function sendProblem(reply: FastifyReply, body: Problem): FastifyReply {
  if (isRetried(body)) reply.header('retry-after', String(RETRY_AFTER))
  return reply
    .code(body.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(body))
}

function isRetried(body: Problem): boolean {
  return [...RETRIED].some((name) => body.type === `urn:synod:problem:${name}`)
}
