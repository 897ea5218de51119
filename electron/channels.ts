/** The two IPC channels; what travels on them is typed by core/api/contract.ts. */
export const REQUEST_CHANNEL = 'synod:request'
export const EVENT_CHANNEL = 'synod:event'
