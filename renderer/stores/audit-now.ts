import { defineStore } from 'pinia'
import { orderingOf } from './ordered.ts'

/** The last AUDIT that was ordered from here, with what came of it. */
export const useAuditNowStore = defineStore('audit-now', () => orderingOf('audit'))
