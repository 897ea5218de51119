import { globSync, readFileSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import ts from 'typescript'

export const ROOT = resolve(import.meta.dirname, '../..')

/** Paths from the repository's root, with `/`, sorted. */
export function filesOf(...patterns: readonly string[]): readonly string[] {
  return globSync([...patterns], { cwd: ROOT, exclude: (path) => /node_modules|^out$|artifacts/.test(path) })
    .map((path) => path.split(sep).join('/'))
    .toSorted()
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Every specifier a file imports, exports from or loads, as written; of a .vue file those of its script. */
export function importsOf(path: string): readonly string[] {
  return ts.preProcessFile(scriptOf(path), true, true).importedFiles.map(({ fileName }) => fileName)
}

/** The same without what is loaded later, by `import()`: a route may load a page that names the route. */
export function staticImportsOf(path: string): readonly string[] {
  const { statements } = ts.createSourceFile(path, scriptOf(path), ts.ScriptTarget.Latest)
  return statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return []
    const { moduleSpecifier } = statement
    return moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) ? [moduleSpecifier.text] : []
  })
}

function scriptOf(path: string): string {
  const text = textOf(path)
  return path.endsWith('.vue') ? scriptOfComponent(text) : text
}

function scriptOfComponent(component: string): string {
  return [...component.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1] ?? '').join('\n')
}
