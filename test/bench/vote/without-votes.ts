/**
 * Loaded before everything else (`node --import`), in the processes of a cluster that does not vote: a proxy answers
 * with its own Output once it has executed the Input, and no vote is made, signed or sent. The text of the core is
 * changed on its way in; the shipped code has no switch for it.
 */
import { plantEdits } from '../../simulation/mutants/plant.ts'
import { WITHOUT_VOTES } from './vote-edits.ts'

plantEdits('without votes', WITHOUT_VOTES)
