import type { Ballot } from '../../core/model/ballot.ts'
import type { Configuration } from '../../core/model/configuration.ts'
import { createConfiguration } from '../../core/model/configuration.ts'
import { Configurations } from '../../core/model/configurations.ts'
import type { ReplicaId } from '../../core/model/ids.ts'
import { epoch, replicaId, slot } from '../../core/model/ids.ts'

export const a = replicaId('a')
export const b = replicaId('b')
export const c = replicaId('c')
export const d = replicaId('d')
export const e = replicaId('e')
/** No member of any configuration here. */
export const stranger = replicaId('stranger')

export const three = configurationOf(a, b, c)
export const five = configurationOf(a, b, c, d, e)

export function configurationOf(...members: readonly ReplicaId[]): Configuration {
  return createConfiguration(
    epoch(1),
    members.map((replica) => ({ replica, name: replica })),
  )
}

/** A configuration that no JOIN or QUIT changes. */
export function always(configuration: Configuration): Configurations {
  return new Configurations([{ slotFirst: slot(1), configuration }])
}

export function ballotOf(round: number, proposer: ReplicaId): Ballot {
  return { round, proposer }
}
