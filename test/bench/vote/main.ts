/**
 * What the vote costs: `npm run bench:vote`. How it measures stands in docs/benchmarks.md.
 *
 * Exit code: 0 measured; 1 something failed, or requests were refused; 2 an option is wrong; 130 interrupted.
 */
import { lookAtMachine } from '../machine.ts'
import { runProgram } from '../program.ts'
import { USAGE, readVoteOptions } from './options.ts'
import { voteJson, voteText } from './report.ts'
import { measureVote } from './vote.ts'

process.exitCode = await runProgram({
  usage: USAGE,
  read: readVoteOptions,
  perform: async (options, run) => {
    const machine = await lookAtMachine(options.folder)
    const cells = await measureVote(options, run)
    console.log(voteText({ options, machine, cells }))
    if (options.json) console.log(voteJson({ options, machine, cells }))
    return cells.every(({ voting, off }) => [...voting, ...off].every(({ errors }) => errors === 0))
  },
})
