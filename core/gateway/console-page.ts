import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import path from 'node:path'

/**
 * Serves the built console. No token is asked for: the files hold no secret, and the token reaches the page in the
 * URL's fragment, which a browser keeps to itself.
 */
export async function serveConsolePage(app: FastifyInstance, folder: string): Promise<void> {
  const root = path.resolve(folder)
  const assets = path.join(root, 'assets') + path.sep
  await app.register(fastifyStatic, {
    root,
    dotfiles: 'ignore',
    suppressWarning: true,
    cacheControl: false,
    setHeaders: (reply, file) => {
      // The build names assets by their content; everything else may change under the same name.
      const named = path.resolve(root, file).startsWith(assets)
      reply.header('cache-control', named ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
}

export function sendMissingPage(reply: FastifyReply): FastifyReply {
  return reply.code(503).header('cache-control', 'no-store').type('text/html; charset=utf-8').send(MISSING_PAGE)
}

const MISSING_PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Synod: the console is not built</title>
<h1>The console is not built</h1>
<p>The host is running, and programs can use it. To see the console, run <code>npm run build</code> in Synod's folder
and reload this page.</p>
</html>
`
