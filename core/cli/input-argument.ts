import { messageOf } from '../base/errors.ts'
import { EXIT } from './exit-codes.ts'
import { CommandError } from './failure.ts'
import type { Surroundings } from './surroundings.ts'

/** Beyond any Input a host takes; it says itself what its limit is. */
const INPUT_BYTES_READ_MAX = 16 * 1024 * 1024

/**
 * The JSON of an Input, as given or, for `-`, from the standard input.
 *
 * @throws CommandError when it is not JSON.
 */
export async function parseInput(text: string, { readInput }: Pick<Surroundings, 'readInput'>): Promise<unknown> {
  const source = text === '-' ? await readInput(INPUT_BYTES_READ_MAX) : text
  try {
    return JSON.parse(source)
  } catch (cause) {
    const message =
      `The Input is not JSON: ${messageOf(cause)}. Expected for example '{"op":"get","key":"greeting"}', ` +
      'in single quotes so that the shell leaves it alone, or - to read it from the standard input.'
    throw new CommandError({ code: 'INPUT_NOT_JSON', exit: EXIT.wrongArguments }, message, { cause })
  }
}
