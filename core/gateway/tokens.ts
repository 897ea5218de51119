import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { GatewayError } from './errors.ts'
import { isMissing, writePrivateFile } from './private-file.ts'

const TOKEN_FILE = 'access-token'
const TOKEN_BYTES = 32
/** 32 bytes in base64url. */
const TOKEN_PATTERN = /^[A-Za-z0-9_-]{43}$/
/** A token and its line end; longer files are not read to their end. */
const TOKEN_FILE_BYTES_MAX = 64

export function tokenFile(dataFolder: string): string {
  return path.join(dataFolder, TOKEN_FILE)
}

/**
 * The access token of a data folder, drawn and stored with mode 0600 when there is none yet. Only the host that holds
 * the folder may call it: two callers at once could draw two tokens.
 *
 * @throws GatewayError when the file is readable by others or holds something else.
 */
export async function ensureToken(dataFolder: string): Promise<string> {
  try {
    return await readToken(dataFolder)
  } catch (error) {
    if (!(error instanceof GatewayError && error.fault.code === 'TOKEN_MISSING')) throw error
  }
  await writePrivateFile(tokenFile(dataFolder), `${randomBytes(TOKEN_BYTES).toString('base64url')}\n`)
  return readToken(dataFolder)
}

/** @throws GatewayError when the file is missing, readable by others or holds something else. */
export async function readToken(dataFolder: string): Promise<string> {
  const file = tokenFile(dataFolder)
  const handle = await openToken(file)
  try {
    await checkPrivate(file, handle)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(TOKEN_FILE_BYTES_MAX), 0, TOKEN_FILE_BYTES_MAX, 0)
    const token = buffer.subarray(0, bytesRead).toString('latin1').trimEnd()
    if (TOKEN_PATTERN.test(token)) return token
    throw new GatewayError(
      { code: 'TOKEN_MALFORMED', file },
      `The access token file ${file} does not hold a token (43 characters of base64url on one line). ` +
        'Nothing of the clusters is touched. Delete the file and start the host again: it draws a new token.',
    )
  } finally {
    await handle.close()
  }
}

/** Compares in a time that does not depend on where two tokens differ. */
export function equalTokens(left: string, right: string): boolean {
  return timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest())
}

async function openToken(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r')
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    throw new GatewayError({ code: 'TOKEN_MISSING', file }, `There is no access token file ${file}.`, { cause })
  }
}

/** POSIX only: Windows keeps the file within the user's profile, and its modes say nothing. */
async function checkPrivate(file: string, handle: FileHandle): Promise<void> {
  if (process.platform === 'win32') return
  const { mode, uid } = await handle.stat()
  const bits = mode & 0o777
  if ((bits & 0o077) !== 0) {
    throw new GatewayError(
      { code: 'TOKEN_UNSAFE', file },
      `The access token file ${file} has mode 0${bits.toString(8)}: others on this computer may have read it. ` +
        'Delete it and start the host again for a new token (or, if nobody else can have read it, chmod 600 it).',
    )
  }
  if (uid !== process.getuid?.()) {
    throw new GatewayError(
      { code: 'TOKEN_UNSAFE', file },
      `The access token file ${file} belongs to another user (uid ${uid}). Use a data folder of your own.`,
    )
  }
}
