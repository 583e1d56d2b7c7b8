/** The part of vitest's JSON report that counts. */
export interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly success: boolean
  readonly testResults: readonly {
    readonly name: string
    /** Why a file failed that could not be loaded, or whose hooks failed. */
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** What failed: a test, or a file as a whole, by its path. */
export interface Failure {
  readonly file: string
  readonly test: string | null
  readonly why: string
}

/** Every failure that a report tells of, file by file. */
export function failuresIn({ testResults }: Pick<Report, 'testResults'>): Failure[] {
  return testResults.flatMap(({ name: file, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    return [
      ...failed.map(({ fullName, failureMessages }) => ({
        ...{ file, test: fullName },
        why: failureMessages.join('\n')
      })),
      ...(message === '' ? [] : [{ file, test: null, why: message }])
    ]
  })
}
