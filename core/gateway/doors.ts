import type { ConsoleApi } from '../api/contract.ts'
import type { Trace } from '../ports/trace.ts'
import { publishEndpoint, withdrawEndpoint } from './endpoint.ts'
import { openGateway } from './http.ts'
import { ensureToken } from './tokens.ts'

export interface DoorsInit {
  readonly api: ConsoleApi
  /** Held by this host alone: the token and the endpoint are written there. */
  readonly dataFolder: string
  /** 0 = any free one. */
  readonly port: number
  readonly consoleFolder?: string | undefined
  readonly trace: Trace
  readonly inputBytesMax?: number | undefined
}

export interface Doors {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string
  /** The console's address with the access token in its fragment, which a browser sends nowhere. */
  readonly consoleUrl: string
  close(): Promise<void>
}

/**
 * Opens the gateway of a host with the token of its data folder, and says in `endpoint.json` where it is.
 *
 * @throws GatewayError when the token file is unsafe or the port can't be had.
 */
export async function openDoors({ dataFolder, ...init }: DoorsInit): Promise<Doors> {
  const token = await ensureToken(dataFolder)
  const gateway = await openGateway({ ...init, token })
  const endpoint = { url: gateway.url, pid: process.pid, started: new Date().toISOString() }
  try {
    await publishEndpoint(dataFolder, endpoint)
  } catch (error) {
    await gateway.close()
    throw error
  }
  return {
    url: gateway.url,
    consoleUrl: `${gateway.url}/#token=${token}`,
    close: async () => {
      await withdrawEndpoint(dataFolder, endpoint)
      await gateway.close()
    },
  }
}
