import path from 'node:path'
import { expect, it } from 'vitest'
import { dataFolderOf, defaultDataFolder } from '../../../core/cli/data-folder.ts'

const homeFolder = '/home/ada'

it.each([
  ['linux', {}, '/home/ada/.local/share/synod'],
  ['linux', { XDG_DATA_HOME: '/big/disk' }, '/big/disk/synod'],
  ['linux', { XDG_DATA_HOME: 'relative' }, '/home/ada/.local/share/synod'],
  ['linux', { XDG_DATA_HOME: '' }, '/home/ada/.local/share/synod'],
  ['freebsd', {}, '/home/ada/.local/share/synod'],
  ['darwin', { XDG_DATA_HOME: '/big/disk' }, '/home/ada/Library/Application Support/synod'],
] as const)('is on %s with %o where the platform keeps such data', (platform, env, expected) => {
  expect(defaultDataFolder({ platform, env, homeFolder })).toBe(expected)
})

it('is on Windows in the folder that does not roam', () => {
  const env = { LOCALAPPDATA: 'D:\\Local' }
  expect(defaultDataFolder({ platform: 'win32', env, homeFolder: 'C:\\Users\\ada' })).toBe('D:\\Local\\synod')
  expect(defaultDataFolder({ platform: 'win32', env: {}, homeFolder: 'C:\\Users\\ada' })).toBe(
    'C:\\Users\\ada\\AppData\\Local\\synod',
  )
})

it('is what --data names, made absolute', () => {
  expect(dataFolderOf({ data: 'here' }, { platform: 'linux', env: {}, homeFolder })).toBe(path.resolve('here'))
})
