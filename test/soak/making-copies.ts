import type { Files } from '../kit/engine/boxes.ts'
import type { Deed, Site } from './deed.ts'
import { shownTo, type Container } from './model.ts'

/** What a deed touches that makes copies for a container. */
export function touched({ model }: Site, container: Container): Pick<Deed, 'alone' | 'shared'> {
  const { name, volumes } = container
  const boxes = volumes.map(volume => model.volumes.get(volume)?.box ?? '')
  // Nor may the version come that is missing.
  const changes = shownTo(model, container) === null ? boxes.map(box => `change of ${box}`) : []
  return {
    alone: [`container ${name}`, ...changes],
    shared: [...volumes.map(volume => `volume ${volume}`), ...boxes.map(box => `box ${box}`)]
  }
}

/** Each version that a copy may show that is made now, while its box may change. */
export function mayShow(site: Site, container: Container): () => Files[][] {
  const before = shownTo(site.model, container) ?? []
  return () =>
    (shownTo(site.model, container) ?? []).map((after, index) => {
      const first = before[index]
      return first === undefined || first === after ? [after] : [first, after]
    })
}
