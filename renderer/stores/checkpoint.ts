import { defineStore } from 'pinia'
import { orderingOf } from './ordered.ts'

/** The last CHECKPOINT that was ordered from here, with what came of it. */
export const useCheckpointStore = defineStore('checkpoint', () => orderingOf('checkpoint'))
