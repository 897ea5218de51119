/** Part of a value: as on the other side, or not. */
export interface Piece {
  readonly text: string
  readonly kind: 'alike' | 'differs' | 'cut'
}

export interface Difference {
  readonly left: readonly Piece[]
  readonly right: readonly Piece[]
}

/** Characters that are shown of a part that is alike, at each end of it. */
const CONTEXT_CHARACTERS = 60
/** Characters that are shown of a part that differs. */
const DIFFERS_CHARACTERS_MAX = 400

/** What differs between two values written as JSON: all that is between what they begin and end with alike. */
export function differenceOf(
  left: string,
  right: string,
  cutWords: (characters: number) => string = (characters) => `… ${characters} …`,
): Difference {
  // By characters, so that none is cut in two.
  const [ours, theirs] = [Array.from(left), Array.from(right)]
  const shorter = Math.min(ours.length, theirs.length)
  let head = 0
  while (head < shorter && ours[head] === theirs[head]) head += 1
  let tail = 0
  while (tail < shorter - head && ours[ours.length - 1 - tail] === theirs[theirs.length - 1 - tail]) tail += 1
  const piecesOf = (characters: readonly string[]): readonly Piece[] => {
    const end = characters.length - tail
    return [
      ...headPieces(characters.slice(0, head), cutWords),
      ...middlePieces(characters.slice(head, end)),
      ...tailPieces(characters.slice(end), cutWords),
    ]
  }
  return { left: piecesOf(ours), right: piecesOf(theirs) }
}

function headPieces(characters: readonly string[], cutWords: (characters: number) => string): readonly Piece[] {
  if (characters.length <= CONTEXT_CHARACTERS * 2) return piece(characters, 'alike')
  const kept = characters.slice(-CONTEXT_CHARACTERS)
  return [cut(cutWords(characters.length - kept.length)), ...piece(kept, 'alike')]
}

function tailPieces(characters: readonly string[], cutWords: (characters: number) => string): readonly Piece[] {
  if (characters.length <= CONTEXT_CHARACTERS * 2) return piece(characters, 'alike')
  const kept = characters.slice(0, CONTEXT_CHARACTERS)
  return [...piece(kept, 'alike'), cut(cutWords(characters.length - kept.length))]
}

function middlePieces(characters: readonly string[]): readonly Piece[] {
  if (characters.length <= DIFFERS_CHARACTERS_MAX) return piece(characters, 'differs')
  return [...piece(characters.slice(0, DIFFERS_CHARACTERS_MAX), 'differs'), cut('…')]
}

function piece(characters: readonly string[], kind: Piece['kind']): readonly Piece[] {
  return characters.length === 0 ? [] : [{ text: characters.join(''), kind }]
}

function cut(words: string): Piece {
  return { text: words, kind: 'cut' }
}
