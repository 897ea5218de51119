import { relative, sep } from 'node:path'
import type { Rule } from 'eslint'
import { importRefusal } from './layers.ts'

/** ESLint's rule `synod/layers`: imports go down, by the table of layers.ts. */
export const layerRule: Rule.RuleModule = {
  meta: {
    type: 'problem',
    docs: { description: 'imports follow the house plan (test/architecture/layers.ts)' },
    messages: { refused: '{{reason}} (test/architecture/layers.ts)' },
    schema: [],
  },
  create(context) {
    const from = relative(context.cwd, context.filename).split(sep).join('/')
    const check = (node: { readonly source?: unknown } & Rule.Node): void => {
      const specifier = literalText(node.source)
      const reason = specifier === undefined ? undefined : importRefusal(from, specifier)
      if (reason !== undefined) context.report({ node, messageId: 'refused', data: { reason } })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    }
  },
}

function literalText(source: unknown): string | undefined {
  if (typeof source !== 'object' || source === null || !('value' in source)) return undefined
  return typeof source.value === 'string' ? source.value : undefined
}
