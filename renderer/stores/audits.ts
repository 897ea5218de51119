import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { AuditView, IncidentView } from '../../core/api/audit-views.ts'
import type { ConsoleEvent, ConsoleFault } from '../../core/api/contract.ts'
import { bridge } from '../bridge.ts'
import { useConsoleEvent } from '../composables/useConsoleEvent.ts'
import { mergeAudits, mergeIncidents } from '../formatting/audit.ts'

export const AUDITS_MAX = 100
export const INCIDENTS_MAX = 100

/** AUDITs and incidents of the cluster on the screen, newest first. */
export const useAuditsStore = defineStore('audits', () => {
  const cluster = ref<string | null>(null)
  const audits = shallowRef<readonly AuditView[]>([])
  const incidents = shallowRef<readonly IncidentView[]>([])
  const hydrated = ref(false)
  const fault = shallowRef<ConsoleFault | null>(null)
  /** Changes that came while an answer was awaited: they are newer than what it says. */
  let auditsMeanwhile: AuditView[] = []
  let incidentsMeanwhile: IncidentView[] = []
  let question = 0
  let isAsking = false

  /** Shows another cluster, or the same one anew. */
  async function hydrate(id: string): Promise<void> {
    if (cluster.value !== id) {
      audits.value = []
      incidents.value = []
      hydrated.value = false
    }
    cluster.value = id
    question += 1
    const mine = question
    isAsking = true
    auditsMeanwhile = []
    incidentsMeanwhile = []
    const [asked, found] = await Promise.all([
      bridge.request('cluster.audits', { cluster: id, limit: AUDITS_MAX }),
      bridge.request('cluster.incidents', { cluster: id, limit: INCIDENTS_MAX }),
    ])
    if (mine !== question) return
    isAsking = false
    hydrated.value = true
    fault.value = asked.ok ? (found.ok ? null : found.fault) : asked.fault
    if (asked.ok) audits.value = mergeAudits(asked.value.audits, auditsMeanwhile, AUDITS_MAX)
    if (found.ok) incidents.value = mergeIncidents(found.value.incidents, incidentsMeanwhile, INCIDENTS_MAX)
  }

  function applyAudit(change: ConsoleEvent<'audit.changed'>): void {
    if (change.cluster !== cluster.value) return
    if (isAsking) auditsMeanwhile.push(change.audit)
    audits.value = mergeAudits(audits.value, [change.audit], AUDITS_MAX)
  }

  function applyIncident(change: ConsoleEvent<'incident.changed'>): void {
    if (change.cluster !== cluster.value) return
    if (isAsking) incidentsMeanwhile.push(change.incident)
    incidents.value = mergeIncidents(incidents.value, [change.incident], INCIDENTS_MAX)
  }

  useConsoleEvent('audit.changed', applyAudit)
  useConsoleEvent('incident.changed', applyIncident)

  return { cluster, audits, incidents, hydrated, fault, hydrate }
})
