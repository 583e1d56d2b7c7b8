import type { Files } from '../kit/engine/boxes.ts'

/** What there must be, going by what was done and answered. */
export interface Model {
  readonly boxes: Map<string, Box>
  readonly volumes: Map<string, Volume>
  readonly containers: Map<string, Container>
}

export interface Box {
  readonly versions: Map<number, Files>
  newest: number
}

/** A view of the newest version of a box, or of a certain one. */
export interface Volume {
  readonly box: string
  readonly version: number | null
}

export interface Container {
  readonly name: string
  /** Bound into it; its look-out writes there. */
  readonly report: string
  /** The first is mounted at /copies/0. */
  readonly volumes: readonly string[]
  /** Its starts so far, of which each has reports of its own. */
  starts: number
  /** While it runs. */
  running: Running | null
  /**
   * The Engine may have miscounted how often it has mounted this container's volumes, for it was started anew while
   * the container ran, or a Mount failed. It then takes the end of a `docker cp` for the last use, and gives the next
   * one a copy of its own, under another mount ID.
   */
  miscounted: boolean
}

export interface Running {
  /** For each volume what its copy may show: one version, or two when the box changed while the container started. */
  shown: Files[][]
  /** Its copies were taken out of the host's sight, as `docker plugin disable -f` does. */
  orphaned: boolean
}

export function newModel(): Model {
  return { boxes: new Map(), volumes: new Map(), containers: new Map() }
}

/** Those that run, with what is known of that. */
export function runningIn({ containers }: Model): (Container & { readonly running: Running })[] {
  return [...containers.values()].filter(
    (one): one is Container & { readonly running: Running } => one.running !== null
  )
}

/** What a copy of this volume shows when it is made now; null when none can be made. */
export function shownBy(model: Model, volume: string): Files | null {
  const { box: name, version } = model.volumes.get(volume) ?? {}
  const box = name === undefined ? undefined : model.boxes.get(name)
  return box?.versions.get(version ?? box.newest) ?? null
}

/** The same for all volumes of a container, which cannot start unless all can be shown. */
export function shownTo(model: Model, { volumes }: Pick<Container, 'volumes'>): readonly Files[] | null {
  const shown = volumes.map(volume => shownBy(model, volume))
  return shown.every(files => files !== null) ? shown : null
}

/** Gives the box its next version. */
export function addVersion(box: Box, files: Files): void {
  box.newest++
  box.versions.set(box.newest, files)
}

/** The container does not run any more. */
export function noteEnd(container: Container): void {
  container.running = null
}

/** The Engine has miscounted the uses of this container's volumes. */
export function noteMiscount({ containers }: Model, name: string): void {
  const container = containers.get(name)
  if (container !== undefined) container.miscounted = true
}
