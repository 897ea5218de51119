import { createHash } from 'node:crypto'
import * as v from 'valibot'

const sealedSchema = v.looseObject({ checksum: v.string() })

/** The text of a JSON file that shows whether it is whole. */
export function sealed(fields: object): string {
  return `${JSON.stringify({ ...fields, checksum: checksumOf(fields) }, null, 2)}\n`
}

/** Files written before there was a checksum have none. @throws Error when it does not hold, or it is no JSON. */
export function unsealed(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!v.is(sealedSchema, value)) return value
  const { checksum, ...fields } = value
  if (checksum !== checksumOf(fields)) throw new Error('the checksum does not hold')
  return fields
}

/** Over the fields in their order, however they are laid out. */
function checksumOf(fields: object): string {
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex')
}
