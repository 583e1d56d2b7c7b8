import { quote } from '../../base/errors.ts'
import type { Cli } from '../declare/cli.ts'
import type { Rewritten } from './dockerfile.ts'
import { findImage } from './find-image.ts'
import type { Injection } from './injection.ts'
import { builtWithLabel, hintLabel, namesInLabel, type Labels } from './labels.ts'

/**
 * The flags that label the built image: with the boxes it expects, and with those it was built with. A label takes
 * the place of the base image's, so the names in that are said again, where the Engine has that image.
 */
export async function labelFlags(
  cli: Cli,
  { boxes, base }: Rewritten,
  injections: readonly Injection[]
): Promise<string[]> {
  const added = new Map<string, readonly string[]>()
  if (boxes.length > 0) added.set(hintLabel, boxes)
  if (injections.length > 0) {
    added.set(
      builtWithLabel,
      injections.map(({ box }) => box)
    )
  }
  if (added.size === 0) return []
  const labels = await labelsOfBase(cli, base)
  if (labels === null && boxes.length > 0) {
    const image = base === null ? 'the base image' : `base image ${quote(base)}`
    cli.note(`note: the Engine does not have ${image}: boxes that it asks for are not asked for any more`)
  }
  return [...added].flatMap(([label, names]) => {
    const all = new Set([...(namesInLabel(labels ?? {}, label) ?? []), ...names])
    return ['--label', `${label}=${JSON.stringify([...all])}`]
  })
}

async function labelsOfBase(cli: Cli, base: string | null): Promise<Labels | null> {
  if (base === 'scratch') return {}
  return base === null ? null : ((await findImage(cli, base))?.labels ?? null)
}
