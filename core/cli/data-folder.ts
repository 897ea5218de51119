import path from 'node:path'
import type { Surroundings } from './surroundings.ts'

/**
 * Where a host keeps its clusters unless told otherwise: the platform's place for a program's data, by the XDG Base
 * Directory Specification, Apple's File System Programming Guide and Windows' Known Folders (Local, since logs must
 * not roam to other computers).
 */
export function defaultDataFolder({ env, platform, homeFolder }: DataFolderInit): string {
  switch (platform) {
    case 'win32':
      return path.win32.join(env.LOCALAPPDATA ?? path.win32.join(homeFolder, 'AppData', 'Local'), 'synod')
    case 'darwin':
      return path.posix.join(homeFolder, 'Library', 'Application Support', 'synod')
    default: {
      const { XDG_DATA_HOME: named } = env
      // The specification: a relative path is invalid and to be ignored.
      const base = named !== undefined && path.posix.isAbsolute(named) ? named : undefined
      return path.posix.join(base ?? path.posix.join(homeFolder, '.local', 'share'), 'synod')
    }
  }
}

type DataFolderInit = Pick<Surroundings, 'env' | 'platform' | 'homeFolder'>

export function dataFolderOf(options: { readonly data?: string }, surroundings: DataFolderInit): string {
  return options.data === undefined ? defaultDataFolder(surroundings) : path.resolve(options.data)
}
