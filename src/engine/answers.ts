/** The HTTP status of an answer of the Engine's that says that something failed; null when it gave none. */
export function httpStatusOf(error: unknown): number | null {
  const isAnswer = typeof error === 'object' && error !== null && 'statusCode' in error
  return isAnswer && typeof error.statusCode === 'number' ? error.statusCode : null
}
