/** The most that a word may differ from the one that was meant, and how much of it must be right (commander's rule). */
const maxDistance = 3
const minSimilarity = 0.4

/** The known word that was probably meant: the nearest, the first of those that are equally near. Null when none is near. */
export function nearest(given: string, known: Iterable<string>): string | null {
  let best: string | null = null
  let least = maxDistance + 1
  for (const word of known) {
    const length = Math.max(given.length, word.length)
    if (word === given || Math.abs(given.length - word.length) >= least) continue
    const distance = distanceBetween(given.toLowerCase(), word.toLowerCase())
    if (distance >= least || (length - distance) / length <= minSimilarity) continue
    best = word
    least = distance
  }
  return best
}

/**
 * How many characters must be added, taken away, replaced, or swapped with their neighbour to make one word of the
 * other (Damerau–Levenshtein, as optimal string alignment).
 */
function distanceBetween(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(at(last, j - 1) + (same ? 0 : 1), at(last, j) + 1, at(row, j - 1) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return at(last, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
