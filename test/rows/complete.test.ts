import { expect, test } from 'vitest'
import { rowsOf } from './transcript.ts'

/** From the first row to the last. */
const span = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at)

/** All rules that the program keeps, by their numbers; what is left out are later wishes, or no rules. */
const kept = {
  'A: boxes': span(1, 15),
  'B: docker vault': span(16, 41),
  'C: inject': [...span(42, 46), 48, 50],
  'D: Dockerfile and metadata': span(52, 58),
  'E: REST': [...span(59, 65), 67],
  'F: wishes from the discussion': [70, 76, 77, 81]
}

/** The rules that no user can see: test/store/contract.ts holds every kind of store to one contract. */
const unseen = [13]

test('every rule that the program keeps has a case', () => {
  const files = ['boxes.txt', 'api.txt', 'containers.txt'] as const
  const cases = files.flatMap(rowsOf).map(({ row }) => row)
  const missing = Object.values(kept)
    .flat()
    .filter(row => !cases.includes(row) && !unseen.includes(row))
  expect(missing).toEqual([])
  expect(cases.filter(row => !Object.values(kept).flat().includes(row))).toEqual([])
})
