import { createClient } from '../client/client.ts'
import type { Client } from '../client/client.ts'
import { isServing, readEndpoint } from '../gateway/endpoint.ts'
import { readToken } from '../gateway/tokens.ts'
import { EXIT } from './exit-codes.ts'
import { CommandError } from './failure.ts'

/**
 * A client of the host that serves a data folder.
 *
 * @throws CommandError when none does; GatewayError when its token can't be read.
 */
export async function connect(dataFolder: string): Promise<Client> {
  const endpoint = await readEndpoint(dataFolder)
  if (endpoint === undefined) throw unreached(`No host serves the data folder ${dataFolder}.`)
  if (!isServing(endpoint)) {
    throw unreached(`The host that served ${dataFolder} (process ${endpoint.pid}) is gone.`)
  }
  return createClient({ url: endpoint.url, token: await readToken(dataFolder) })
}

function unreached(what: string): CommandError {
  const remedy = 'Start one with: npx synod serve (and name its folder here with --data, if it is another).'
  return new CommandError({ code: 'HOST_NOT_REACHED', exit: EXIT.hostNotReached }, `${what} ${remedy}`)
}
