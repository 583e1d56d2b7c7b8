/** The most that a word may differ from the one that was meant, and how much of it must be right (commander's rule). */
const maxDistance = 3
const minSimilarity = 0.4
/** Nobody types more by hand, and longer ones take long to compare. */
const maxLength = 255

/** The known word that was probably meant: the nearest, the first of those that are equally near. Null when none is near. */
export function nearest(given: string, known: Iterable<string>): string | null {
  let best: string | null = null
  let least = maxDistance + 1
  for (const word of known) {
    const length = Math.max(given.length, word.length)
    if (word === given || length > maxLength) continue
    const distance = distanceBetween(given.toLowerCase(), word.toLowerCase())
    if (distance >= least || (length - distance) / length <= minSimilarity) continue
    best = word
    least = distance
  }
  return best
}

/** The known path that was probably meant: the nearest, or the only one of the same name in whatever directory. */
export function nearestPath(given: string, known: readonly string[]): string | null {
  const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
  const near = nearest(given, known)
  if (near !== null) return near
  const sameName = known.filter(path => path !== given && nameOf(path) === nameOf(given))
  return sameName.length === 1 ? (sameName[0] ?? null) : null
}

/**
 * How many characters must be added, taken away, replaced, or swapped with their neighbour to make one word of the
 * other (Damerau–Levenshtein, as optimal string alignment); more than `maxDistance` when it is more. Only the band of
 * the table that can lead there is looked at: cell `k` of row `i` is for `i` characters of one and `i + k - maxDistance`
 * of the other.
 */
function distanceBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > maxDistance) return Infinity
  const width = 2 * maxDistance + 1
  let before: number[] = []
  let last = Array.from({ length: width }, (_, k) => (k < maxDistance ? Infinity : k - maxDistance))
  for (let i = 1; i <= a.length; i++) {
    const row: number[] = []
    for (let k = 0; k < width; k++) {
      const j = i + k - maxDistance
      if (j < 0 || j > b.length) row.push(Infinity)
      else if (j === 0) row.push(i)
      else {
        const replaced = at(last, k) + (a[i - 1] === b[j - 1] ? 0 : 1)
        const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, k) + 1 : Infinity
        row.push(Math.min(replaced, swapped, at(last, k + 1) + 1, at(row, k - 1) + 1))
      }
    }
    before = last
    last = row
  }
  return at(last, b.length - a.length + maxDistance)
}

function at(row: readonly number[], cell: number): number {
  return row[cell] ?? Infinity
}
