import { contextBridge, ipcRenderer } from 'electron'
import type { IpcRendererEvent } from 'electron'
import type { ConsoleAnswer, ConsoleApi, ConsoleEvent, ConsoleEventName, ConsoleReply } from '../core/api/contract.ts'
import { EVENT_CHANNEL, REQUEST_CHANNEL } from './channels.ts'

/** All the page gets of Electron: the console's contract, carried by two channels. */
const api: ConsoleApi = {
  request: (name, argument) =>
    ipcRenderer.invoke(REQUEST_CHANNEL, name, argument) as Promise<ConsoleReply<ConsoleAnswer<typeof name>>>,
  subscribe: <Name extends ConsoleEventName>(name: Name, listener: (event: ConsoleEvent<Name>) => void) => {
    const receive = (_event: IpcRendererEvent, told: ConsoleEventName, event: ConsoleEvent<Name>): void => {
      if (told === name) listener(event)
    }
    ipcRenderer.on(EVENT_CHANNEL, receive)
    return () => {
      ipcRenderer.off(EVENT_CHANNEL, receive)
    }
  },
}

contextBridge.exposeInMainWorld('synod', api)
