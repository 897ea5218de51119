import type { ConsoleEvent, ConsoleEventName } from '../api/contract.ts'

export interface OutboxBounds {
  readonly slotsWaitingMax: number
  readonly notesWaitingMax: number
}

export interface WaitingEvent {
  readonly name: ConsoleEventName
  readonly event: unknown
}

type VotesEvent = ConsoleEvent<'votes.changed'>

/**
 * Events that wait for a slow console, in bounded memory: of each cluster its newest view, of votes, notes, AUDITs and
 * incidents the newest few. Slots left out are counted in `dropped`, as in the feed itself.
 */
export class EventOutbox {
  readonly #bounds: OutboxBounds
  #hostChanged: ConsoleEvent<'host.changed'> | undefined
  readonly #clusters = new Map<string, ConsoleEvent<'cluster.changed'>>()
  readonly #votes = new Map<string, VotesEvent>()
  readonly #notes: ConsoleEvent<'note.added'>[] = []
  readonly #audits = new Map<string, ConsoleEvent<'audit.changed'>>()
  readonly #incidents = new Map<string, ConsoleEvent<'incident.changed'>>()

  constructor(bounds: OutboxBounds) {
    this.#bounds = bounds
  }

  /** Every event of the contract has its place here: a new one fails the build until it gets one. */
  readonly #keep: { readonly [Name in ConsoleEventName]: (event: ConsoleEvent<Name>) => void } = {
    'host.changed': (event) => {
      this.#hostChanged = event
    },
    'cluster.changed': (event) => {
      this.#clusters.set(event.id, event)
    },
    'votes.changed': (event) => {
      const waiting = this.#votes.get(event.cluster)
      this.#votes.set(event.cluster, joinVotes(waiting, event, this.#bounds.slotsWaitingMax))
    },
    'audit.changed': (event) => {
      keepNewest(this.#audits, `${event.cluster} ${event.audit.slot}`, event, this.#bounds.notesWaitingMax)
    },
    'incident.changed': (event) => {
      keepNewest(this.#incidents, `${event.cluster} ${event.incident.number}`, event, this.#bounds.notesWaitingMax)
    },
    'note.added': (event) => {
      this.#notes.push(event)
      if (this.#notes.length > this.#bounds.notesWaitingMax) this.#notes.shift()
    },
  }

  /** @returns what puts an event of that name in its place. */
  keeper<Name extends ConsoleEventName>(name: Name): (event: ConsoleEvent<Name>) => void {
    return this.#keep[name]
  }

  /** Takes the event that is next to be sent. */
  take(): WaitingEvent | undefined {
    if (this.#hostChanged !== undefined) {
      const event = this.#hostChanged
      this.#hostChanged = undefined
      return { name: 'host.changed', event }
    }
    for (const [cluster, event] of this.#clusters) {
      this.#clusters.delete(cluster)
      return { name: 'cluster.changed', event }
    }
    for (const [cluster, event] of this.#votes) {
      this.#votes.delete(cluster)
      return { name: 'votes.changed', event }
    }
    for (const [key, event] of this.#incidents) {
      this.#incidents.delete(key)
      return { name: 'incident.changed', event }
    }
    for (const [key, event] of this.#audits) {
      this.#audits.delete(key)
      return { name: 'audit.changed', event }
    }
    const note = this.#notes.shift()
    return note === undefined ? undefined : { name: 'note.added', event: note }
  }
}

/** What waits under that key is replaced; when too many wait, the one that waits longest goes. */
function keepNewest<Event>(waiting: Map<string, Event>, key: string, event: Event, waitingMax: number): void {
  waiting.delete(key)
  waiting.set(key, event)
  const [first] = waiting.keys()
  if (waiting.size > waitingMax && first !== undefined) waiting.delete(first)
}

/** A slot that was told before is replaced by what is told now; the newest slots are kept. */
function joinVotes(waiting: VotesEvent | undefined, event: VotesEvent, slotsMax: number): VotesEvent {
  const slots = new Map((waiting?.slots ?? []).map((slot) => [slot.slot, slot]))
  for (const slot of event.slots) slots.set(slot.slot, slot)
  const newestFirst = [...slots.values()].sort((left, right) => right.slot - left.slot)
  const kept = newestFirst.slice(0, slotsMax)
  return {
    cluster: event.cluster,
    slots: kept,
    dropped: (waiting?.dropped ?? 0) + event.dropped + (newestFirst.length - kept.length),
  }
}
