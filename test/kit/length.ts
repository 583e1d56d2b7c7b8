/** True for `make test-long`: tests then play every case and take full numbers. */
export const isLong = process.env['LONG_TESTS'] === '1'

/** What only `make test-long` plays; nothing otherwise. */
export function onlyLong<T>(items: readonly T[]): readonly T[] {
  return isLong ? items : []
}
