import { expect, it } from 'vitest'
import { EventOutbox } from '../../../core/gateway/event-outbox.ts'
import { auditView, incidentView } from './audit-stubs.ts'
import { clusterView } from './stub-host.ts'

function slot(
  number: number,
  ballot = '1.a',
): { slot: number; ballot: string; timeMs: number; inputCount: number; inputs: [] } {
  return { slot: number, ballot, timeMs: 0, inputCount: 0, inputs: [] }
}

function drain(outbox: EventOutbox): unknown[] {
  const taken: unknown[] = []
  for (let event = outbox.take(); event !== undefined; event = outbox.take()) taken.push(event)
  return taken
}

it('keeps the newest view of each cluster and the newest version of the host', () => {
  const outbox = new EventOutbox({ slotsWaitingMax: 4, notesWaitingMax: 4 })
  const newest = clusterView('c1', 'demo', { version: 2 })
  const other = clusterView('c2', 'shop')
  outbox.keeper('host.changed')({ version: 1 })
  outbox.keeper('cluster.changed')(clusterView('c1', 'demo'))
  outbox.keeper('cluster.changed')(newest)
  outbox.keeper('cluster.changed')(other)
  outbox.keeper('host.changed')({ version: 2 })
  expect(drain(outbox)).toEqual([
    { name: 'host.changed', event: { version: 2 } },
    { name: 'cluster.changed', event: newest },
    { name: 'cluster.changed', event: other },
  ])
})

it('joins votes by cluster, keeps the newest slots as told last, and counts what it leaves out', () => {
  const outbox = new EventOutbox({ slotsWaitingMax: 2, notesWaitingMax: 4 })
  outbox.keeper('votes.changed')({ cluster: 'c1', slots: [slot(2), slot(1)], dropped: 5 })
  outbox.keeper('votes.changed')({ cluster: 'c1', slots: [slot(3), slot(2, '2.b')], dropped: 0 })
  outbox.keeper('votes.changed')({ cluster: 'c2', slots: [slot(1)], dropped: 0 })
  expect(drain(outbox)).toEqual([
    { name: 'votes.changed', event: { cluster: 'c1', slots: [slot(3), slot(2, '2.b')], dropped: 6 } },
    { name: 'votes.changed', event: { cluster: 'c2', slots: [slot(1)], dropped: 0 } },
  ])
})

it('keeps the newest notes, in their order', () => {
  const outbox = new EventOutbox({ slotsWaitingMax: 2, notesWaitingMax: 2 })
  const notes = [1, 2, 3].map((number) => ({ number, timeMs: 0, cluster: 'c1', level: 'good' as const, text: '' }))
  for (const note of notes) outbox.keeper('note.added')(note)
  expect(drain(outbox)).toEqual(notes.slice(1).map((event) => ({ name: 'note.added', event })))
})

it('keeps what was told last of the newest AUDITs and incidents', () => {
  const outbox = new EventOutbox({ slotsWaitingMax: 2, notesWaitingMax: 2 })
  const audits = [1, 2, 3].map((number) => ({ cluster: 'c1', audit: auditView(number) }))
  const again = { cluster: 'c1', audit: auditView(2, { verdict: 'deviation' }) }
  for (const event of [...audits, again]) outbox.keeper('audit.changed')(event)
  const incidents = [1, 1, 2].map((number) => ({ cluster: 'c1', incident: incidentView(number) }))
  for (const event of incidents) outbox.keeper('incident.changed')(event)
  expect(drain(outbox)).toEqual([
    ...incidents.slice(1).map((event) => ({ name: 'incident.changed', event })),
    ...[audits[2], again].map((event) => ({ name: 'audit.changed', event })),
  ])
})
