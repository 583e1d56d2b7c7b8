import * as z from 'zod/mini'
import { Digest, VersionNumber, type Read } from './values.ts'

const wanted = {
  box: z.string(),
  /** Without one, or null: the newest. */
  version: z.optional(z.nullable(VersionNumber))
}

/** As much as one container may be given, each of which is read and recorded. */
const mostInjected = 256

/** What a container is to be given: files of boxes, and the variables of files. */
export const ToInject = z.lazy(() =>
  z.strictObject({
    files: z
      .array(
        z.strictObject({
          ...wanted,
          /** As the volume option; without it all of the box. */
          path: z.optional(z.string()),
          /** Where the container has it. */
          target: z.string()
        })
      )
      .check(z.maxLength(mostInjected)),
    environment: z
      .array(
        z.strictObject({
          ...wanted,
          /** Without one, or null: the only file in the box. */
          path: z.optional(z.nullable(z.string()))
        })
      )
      .check(z.maxLength(mostInjected))
  })
)
export type ToInject = Read<typeof ToInject>

/** What a `ToInject` must be, for messages. */
export const toInjectRule =
  '{"files": [{"box", "version", "path", "target"}], "environment": [{"box", "version", "path"}]}'

/** What that is, without a secret. */
export const Injected = z.lazy(() =>
  z.object({
    /** Equal for equal secrets at equal places, in one vault. */
    digest: Digest,
    files: z.array(z.object({ box: z.string(), version: VersionNumber })),
    environment: z.array(
      z.object({
        box: z.string(),
        version: VersionNumber,
        path: z.string(),
        /** Their names. */
        variables: z.array(z.string())
      })
    )
  })
)
export type Injected = Read<typeof Injected>
