import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { GatewayError } from './errors.ts'
import { isMissing, writePrivateFile } from './private-file.ts'

const ENDPOINT_FILE = 'endpoint.json'

const endpointSchema = v.object({
  /** Only this computer's own addresses: the access token is sent there. */
  url: v.pipe(v.string(), v.regex(/^http:\/\/127\.0\.0\.1:\d{1,5}$/)),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** ISO 8601. */
  started: v.string(),
})
/** Where the host that serves a data folder is reached. */
export type Endpoint = v.InferOutput<typeof endpointSchema>

export function endpointFile(dataFolder: string): string {
  return path.join(dataFolder, ENDPOINT_FILE)
}

export async function publishEndpoint(dataFolder: string, endpoint: Endpoint): Promise<void> {
  await writePrivateFile(endpointFile(dataFolder), `${JSON.stringify(endpoint)}\n`)
}

/** Removes the file unless another host has written its own since. */
export async function withdrawEndpoint(dataFolder: string, endpoint: Endpoint): Promise<void> {
  const found = await readEndpoint(dataFolder).catch(() => undefined)
  if (found?.pid === endpoint.pid && found.url === endpoint.url) await rm(endpointFile(dataFolder), { force: true })
}

/**
 * @returns undefined when no host has published itself there.
 * @throws GatewayError when the file holds something else.
 */
export async function readEndpoint(dataFolder: string): Promise<Endpoint | undefined> {
  const file = endpointFile(dataFolder)
  try {
    return v.parse(endpointSchema, JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    if (isMissing(cause)) return undefined
    if (!(cause instanceof SyntaxError || cause instanceof v.ValiError)) throw cause
    throw new GatewayError(
      { code: 'ENDPOINT_MALFORMED', file },
      `${file} does not say where the host is reached. Stop the host, delete the file and start the host again.`,
      { cause },
    )
  }
}

/** False when the process that published the endpoint is gone: whoever listens there now must not get the token. */
export function isServing(endpoint: Endpoint): boolean {
  try {
    process.kill(endpoint.pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
