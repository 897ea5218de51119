import type { ConsoleEvent, ConsoleEventName } from '../api/contract.ts'

type Listener<Name extends ConsoleEventName> = (event: ConsoleEvent<Name>) => void

/** Who listens to what. A listener must not block: it copies or queues. */
export class EventHub {
  readonly #listeners: { readonly [Name in ConsoleEventName]: Set<Listener<Name>> } = {
    'cluster.changed': new Set(),
    'host.changed': new Set(),
    'votes.changed': new Set(),
    'audit.changed': new Set(),
    'incident.changed': new Set(),
    'note.added': new Set(),
  }

  /** @returns the function that ends it. */
  subscribe<Name extends ConsoleEventName>(name: Name, listener: Listener<Name>): () => void {
    const listeners: Set<Listener<Name>> = this.#listeners[name]
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  emit<Name extends ConsoleEventName>(name: Name, event: ConsoleEvent<Name>): void {
    const listeners: Set<Listener<Name>> = this.#listeners[name]
    for (const listener of listeners) listener(event)
  }

  hasListeners(name: ConsoleEventName): boolean {
    return this.#listeners[name].size > 0
  }
}
