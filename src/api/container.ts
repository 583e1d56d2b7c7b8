import * as z from 'zod/mini'
import { Time, VersionNumber, wordOf, type Read } from './values.ts'

/** A container as the Engine knows it. */
export const SelfContainer = z.lazy(() =>
  z.object({
    id: z.string(),
    name: z.string(),
    image: z.string(),
    imageId: z.string(),
    /** Of Compose. */
    project: z.exactOptional(z.string()),
    service: z.exactOptional(z.string())
  })
)

export type SelfContainer = Read<typeof SelfContainer>

/** What a container is told of itself. What is not known is absent. */
export const Self = z.lazy(() =>
  z.object({
    box: z.string(),
    /** Absent for the empty copy of a box that was missing. */
    version: z.exactOptional(VersionNumber),
    volume: z.string(),
    container: z.exactOptional(SelfContainer)
  })
)

/** The files of its copies, by their paths in the container. */
export const SecretMounts = z.lazy(() =>
  z.object({
    secret_mounts: z.record(
      z.string(),
      /** Of kind `json` any value, else a text. */
      z.object({ kind: wordOf(['text', 'json', 'base64']), content: z.unknown() })
    )
  })
)

/** The variables that the container's process was given (docs/environment.md), by their names. */
export const SecretEnvironment = z.lazy(() =>
  z.object({ secret_environment: z.record(z.string(), z.string()) })
)

/** For whom a token is to be. */
export const TokenRequest = z.lazy(() =>
  z.strictObject({ audience: z.string().check(z.regex(/^[\x21-\x7e]{1,256}$/)) })
)

/** What a `TokenRequest` must be, for messages. */
export const tokenRequestRule =
  '{"audience": text}, where the text is 1 to 256 characters of ASCII without spaces, such as a URL'

/** A JSON Web Token in compact form, and when it ends. */
export const TokenAnswer = z.lazy(() => z.object({ token: z.string(), expires: Time }))
