import { UsageError } from '../output/failure.ts'

/** The options of `list`, as commander reads them. */
export interface ListOptions {
  readonly boxes?: boolean
  readonly format?: string
  readonly pattern?: string
  readonly quiet?: boolean
  readonly type?: string
  readonly scope?: Readonly<Record<string, string>>
  readonly filter?: Readonly<Record<string, string>>
  readonly uuid?: string
  readonly owner?: string
  readonly trunc: boolean
}

/** Which paths a `--pattern` lets through; all without one. Throws `UsageError` for a bad expression. */
export function matcherOf(pattern: string | undefined): (path: string) => boolean {
  if (pattern === undefined) return () => true
  try {
    const expression = new RegExp(pattern, 'u')
    return path => expression.test(path)
  } catch (error) {
    throw new UsageError(`bad pattern ${JSON.stringify(pattern)}: ${(error as Error).message}`)
  }
}
