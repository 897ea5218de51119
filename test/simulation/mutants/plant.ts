import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { MUTANTS } from './table.ts'
import type { Edit } from './table.ts'

const ROOT = new URL('../../../', import.meta.url)

/**
 * From now on this process loads the core with a bug in it: the text of a module is changed on its way in. Nothing on
 * disk is touched, and the shipped code has no switch for it.
 *
 * @throws Error when there is no such bug, or the text it changes is not there exactly once: then the table is stale.
 */
export function plantBug(name: string): void {
  const mutant = MUTANTS.find((one) => one.name === name)
  if (mutant === undefined) throw new Error(`no planted bug is called "${name}"`)
  plantEdits(name, mutant.edits)
}

/** The same for any change of the core's text. @throws Error when one of the texts is not there exactly once. */
export function plantEdits(name: string, changes: readonly Edit[]): void {
  const edits = new Map<string, Edit[]>()
  for (const edit of changes) {
    const url = new URL(edit.file, ROOT).href
    const known = edits.get(url) ?? []
    edits.set(url, known)
    known.push(edit)
    checkEdit(name, edit)
  }
  registerHooks({
    load: (url, context, nextLoad) => {
      const planted = edits.get(url)
      if (planted === undefined) return nextLoad(url, context)
      let source = readFileSync(fileURLToPath(url), 'utf8')
      for (const { find, replace } of planted) source = source.replace(find, () => replace)
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}

/** @throws Error when the text an edit changes does not stand in its file exactly once. */
export function checkEdit(name: string, { file, find }: Edit): void {
  const source = readFileSync(new URL(file, ROOT), 'utf8')
  const count = source.split(find).length - 1
  if (count !== 1) throw new Error(`the planted bug "${name}" is stale: ${file} holds its text ${count} times`)
}
