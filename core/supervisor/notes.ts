import type { NoteView } from '../api/views.ts'

export type NoteLevel = NoteView['level']

const NOTES_MAX = 500

/** What happened lately, bounded. */
export class Notes {
  readonly #notes: NoteView[] = []
  #number = 0

  add(note: Omit<NoteView, 'number'>): NoteView {
    this.#number += 1
    const added = { number: this.#number, ...note }
    this.#notes.push(added)
    if (this.#notes.length > NOTES_MAX) this.#notes.shift()
    return added
  }

  /** Newest first. */
  newest(limit: number): NoteView[] {
    return this.#notes.slice(-limit).toReversed()
  }
}
