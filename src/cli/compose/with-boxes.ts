import { quote, SecretboxError } from '../../base/errors.ts'
import { parseFilePath } from '../../base/names.ts'
import type { Cli } from '../declare/cli.ts'
import { findLauncher } from '../client/socket.ts'
import { ownerOnHost } from '../inject/box-owner.ts'
import { labelsOf } from '../inject/container-labels.ts'
import { containerUser, type Owner } from '../inject/container-user.ts'
import { findImage, type ImageConfig } from '../inject/find-image.ts'
import { remappedRoot } from '../inject/remapped-root.ts'
import { pathsShown } from '../inject/shown-version.ts'
import { nullIfDenied, refuseWithoutUse } from '../inject/may-use.ts'
import { named, variablesAskedFor, type VariablesFile } from '../inject/variables.ts'
import type { BoxFile } from './box-file.ts'
import type { PlacedSecret } from './box-secrets.ts'
import { launchedService, refuseInEnvironment } from './launched-service.ts'
import { dollars, entriesIn, listIn, mappingIn, serviceIn, textIn, type Mapping } from './model.ts'
import type { RanService } from './run-words.ts'
import { refuseTakenPlaces } from './taken-places.ts'
import { secretKey } from './vault-keys.ts'
import { mountOfSecret, type BoxMount, type FoundSecret, type ServiceChange } from './with-volumes.ts'

/** What services of a project are to have out of boxes. */
export interface Wanted {
  readonly model: Mapping
  readonly secrets: readonly PlacedSecret[]
  /** The names of all secrets that come from boxes. */
  readonly names: ReadonlySet<string>
  readonly variables: ReadonlyMap<string, readonly BoxFile[]>
  /** The image of a service, by the name that the Engine knows it by. */
  readonly imageOf: (service: string) => string
  /** What `compose run` says of the one service that it is about; null for another command. */
  readonly ran: RanService | null
}

/**
 * What becomes of the services that are to have anything out of boxes. Throws `not_found` for a box, a file or an image that is not
 * there, `invalid` for what does not say which file is meant, `UsageError` for what cannot be.
 */
export async function changesFor(cli: Cli, wanted: Wanted): Promise<ReadonlyMap<string, ServiceChange>> {
  const { model, secrets, variables } = wanted
  await refuseWithoutUse(
    cli,
    [...secrets, ...[...variables.values()].flat()].map(({ box }) => box)
  )
  const changes = new Map<string, ServiceChange>()
  for (const [name] of entriesIn(model['services'])) {
    const own = secrets.filter(({ service }) => service === name)
    const files = variables.get(name) ?? []
    if (own.length + files.length > 0) changes.set(name, await changeFor(cli, wanted, name, own, files))
  }
  return changes
}

async function changeFor(
  cli: Cli,
  { model, imageOf, ran, names }: Wanted,
  name: string,
  secrets: readonly PlacedSecret[],
  files: readonly BoxFile[]
): Promise<ServiceChange> {
  const own = ran?.service === name ? ran : null
  const fields = fieldsAsked(serviceIn(model, name), own)
  const [image, platform] = [imageOf(name), textIn(fields['platform'])]
  const found = await findImage(cli, image)
  const container: Container = { name, fields, image, found, platform }
  const mounts: BoxMount[] = []
  for (const secret of secrets) mounts.push(mountOfSecret(await findSecret(cli, container, secret)))
  const environment = await findVariables(cli, container, files, own)
  const launched = environment.length === 0 ? null : await launch(cli, container, environment)
  const boxes = [...mounts, ...(launched?.boxes ?? [])]
  refuseTakenPlaces(
    { name, fields, besides: own?.volumes ?? [] },
    boxes.map(({ target }) => target),
    names
  )
  const given = mounts.map(({ target, options }) => {
    return { box: options.box, version: null, target, options: { path: options.path } }
  })
  const labels = await labelsOf(cli, given, environment)
  return {
    boxes,
    mounts: launched?.mounts ?? [],
    fields: { ...launched?.fields, labels: labelsWith(fields['labels'], labels) }
  }
}

function fieldsAsked(fields: Mapping, ran: RanService | null): Mapping {
  return ran === null || ran.user === null ? fields : { ...fields, user: ran.user }
}

/** A container of a service, as far as it is known. */
interface Container {
  readonly name: string
  readonly fields: Mapping
  readonly image: string
  /** Null when the Engine does not have it. */
  readonly found: ImageConfig | null
  readonly platform: string | null
}

/** The program, health check and mounts by which a service has the variables of these files. */
async function launch(
  cli: Cli,
  container: Container,
  files: readonly VariablesFile[]
): Promise<ServiceChange> {
  const { name, fields, image, found } = container
  if (found === null)
    throw new SecretboxError(
      'not_found',
      `cannot find out what service ${quote(name)} is to run: there is no image ${quote(image)}`
    )
  const owner = await ownerOf(cli, container, { uid: null, gid: null })
  const launcher = await findLauncher(cli.env, cli.docker)
  return launchedService({ name, fields, image: found, launcher, owner }, files)
}

async function findVariables(
  cli: Cli,
  { name, fields }: Container,
  files: readonly BoxFile[],
  ran: RanService | null
): Promise<VariablesFile[]> {
  if (files.length === 0) return []
  const found = await variablesAskedFor(cli, files)
  refuseInEnvironment(
    name,
    { environment: fields['environment'], given: ran?.variables() ?? [] },
    found.map(named)
  )
  return found.map(({ box, path }) => ({ box, path }))
}

async function findSecret(cli: Cli, container: Container, secret: PlacedSecret): Promise<FoundSecret> {
  const owner = await ownerOf(cli, container, secret)
  const listing = await cli.api.box(secret.box).catch(nullIfDenied)
  // Who may use it and not look into it has to know what is there.
  if (listing === null && secret.path !== null) return { ...secret, path: secret.path, ...owner }
  const paths =
    listing === null
      ? []
      : pathsShown({ ...listing, files: listing.files.filter(({ type }) => type !== 'directory') })
  const path = secret.path ?? (paths.length === 1 ? paths[0] : undefined)
  if (path === undefined || !paths.includes(path)) {
    const reason =
      listing === null
        ? `what is in box ${quote(secret.box)} is not for you to know`
        : secret.path === null
          ? `box ${quote(secret.box)} has ${paths.length} files`
          : `box ${quote(secret.box)} has no file ${quote(secret.path)}`
    throw new SecretboxError('not_found', `cannot find secret ${quote(secret.secret)}: ${reason}`, {
      hint: `say which it is: ${secretKey}: ${quote(`${secret.box}:FILE`)}`
    })
  }
  return { ...secret, path: parseFilePath(path), ...owner }
}

/** To whom files belong, as the host sees it: to whom it is said, or else to whom the service runs as. */
async function ownerOf(
  cli: Cli,
  { fields, image, found, platform }: Container,
  { uid, gid }: { readonly uid: string | null; readonly gid: string | null }
): Promise<{ uid: string; gid: string }> {
  const isAsked = uid === null || gid === null
  const user: Owner = isAsked
    ? await containerUser(cli, { image, found, platform, given: textIn(fields['user']) })
    : { uid: 0, gid: 0 }
  const root = fields['userns_mode'] === 'host' ? null : await remappedRoot(cli)
  return { uid: ownerOnHost(uid ?? user.uid, root?.uid), gid: ownerOnHost(gid ?? user.gid, root?.gid) }
}

function labelsWith(own: unknown, added: Readonly<Record<string, string>>): unknown {
  const ours = Object.entries(added).map(([name, value]) => [name, dollars(value)] as const)
  if (Array.isArray(own)) return [...listIn(own), ...ours.map(([name, value]) => `${name}=${value}`)]
  return { ...mappingIn(own), ...Object.fromEntries(ours) }
}
