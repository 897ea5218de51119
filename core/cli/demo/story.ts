/** One statement of the demo, after it was checked. */
export interface Statement {
  readonly chapter: string
  readonly statement: string
  readonly ok: boolean
  readonly detail?: string
}

export class StoryError extends Error {
  override readonly name = 'StoryError'
}

/** Tells the story: a chapter's title, then its statements, none of which is printed before it was checked. */
export class Story {
  readonly #write: (text: string) => void
  readonly #json: boolean
  readonly #startedMs = performance.now()
  #chapter = ''
  #chapters = 0
  #statements = 0

  constructor(init: { readonly write: (text: string) => void; readonly json: boolean }) {
    this.#write = init.write
    this.#json = init.json
  }

  get statements(): number {
    return this.#statements
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#startedMs) / 100) / 10
  }

  chapter(title: string): void {
    this.#chapter = title
    this.#chapters += 1
    if (!this.#json) this.#write(`\n${this.#chapters}. ${title}\n`)
  }

  /** Prints the statement if it is true. @throws StoryError when it is not: the story ends there. */
  check(condition: boolean, statement: string, detail?: string): asserts condition {
    this.#statements += 1
    this.#tell({ chapter: this.#chapter, statement, ok: condition, ...(detail === undefined ? {} : { detail }) })
    if (!condition) throw new StoryError(`not true: ${statement}${detail === undefined ? '' : ` (${detail})`}`)
  }

  /** Lines that show rather than state: an Output with its votes. */
  show(lines: readonly string[]): void {
    if (!this.#json) for (const line of lines) this.#write(`     ${line}\n`)
  }

  #tell(statement: Statement): void {
    if (this.#json) {
      this.#write(`${JSON.stringify(statement)}\n`)
      return
    }
    const detail = statement.detail === undefined ? '' : `  (${statement.detail})`
    this.#write(`   ${statement.ok ? '●' : '✕'} ${statement.statement}${detail}\n`)
  }
}
