import type { EtcdMember } from './etcd-target.ts'
import type { CellOrder, Measured, MemberView } from './target.ts'

/** Which system a driver's clients ask, and how. Its first message. */
export type DriverInit =
  | { readonly kind: 'synod'; readonly dataFolder: string }
  | { readonly kind: 'synod-http'; readonly url: string; readonly token: string }
  | { readonly kind: 'etcd'; readonly members: readonly EtcdMember[]; readonly client: 'grpc' | 'json' }

/** What a driver can be told to do, and what it answers. */
export interface DriverCalls {
  readonly open: { readonly order: DriverInit; readonly answer: null }
  readonly door: { readonly order: null; readonly answer: { readonly url: string; readonly token: string } }
  readonly members: { readonly order: null; readonly answer: readonly MemberView[] }
  readonly fill: { readonly order: null; readonly answer: null }
  readonly measure: { readonly order: CellOrder; readonly answer: Measured }
  readonly failOver: {
    readonly order: { readonly pid: number; readonly victim: string; readonly firstProbe: number }
    readonly answer: { readonly ms: number; readonly probes: number }
  }
  readonly close: { readonly order: null; readonly answer: null }
}
export type DriverCall = keyof DriverCalls

/** One call on its way to a driver. */
export type DriverOrder = {
  [Call in DriverCall]: { readonly id: number; readonly call: Call; readonly order: DriverCalls[Call]['order'] }
}[DriverCall]

export type DriverAnswer =
  | { readonly id: number; readonly ok: true; readonly answer: DriverCalls[DriverCall]['answer'] }
  | { readonly id: number; readonly ok: false; readonly message: string }
