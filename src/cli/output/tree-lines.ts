import type { BoxEntry } from '../../api/boxes.ts'
import { humanSize } from './human.ts'
import { printable } from './printable.ts'
import { tableLines } from './table.ts'

/**
 * A box's entries drawn as a tree, with mode and size beside files. Directories that an entry lies in are drawn
 * even when they are not among the entries.
 */
export function treeLines(entries: readonly BoxEntry[]): string[] {
  const root: Branch = { children: new Map() }
  for (const entry of entries) {
    let branch = root
    for (const name of entry.path.split('/')) {
      let next = branch.children.get(name)
      if (next === undefined) branch.children.set(name, (next = { children: new Map() }))
      branch = next
    }
    branch.entry = entry
  }
  return tableLines(rowsOf(root, ''))
}

interface Branch {
  entry?: BoxEntry
  readonly children: Map<string, Branch>
}

function rowsOf(branch: Branch, indent: string): string[][] {
  const last = branch.children.size - 1
  return [...branch.children].flatMap(([name, child], i) => [
    [indent + (i === last ? '└── ' : '├── ') + labelOf(name, child), ...detailsOf(child.entry)],
    ...rowsOf(child, indent + (i === last ? '    ' : '│   '))
  ])
}

function labelOf(name: string, { entry, children }: Branch): string {
  if (entry?.type === 'symlink') return `${printable(name)} -> ${printable(entry.target)}`
  return printable(name) + (children.size > 0 || entry?.type === 'directory' ? '/' : '')
}

function detailsOf(entry: BoxEntry | undefined): string[] {
  if (entry === undefined || entry.type === 'symlink') return []
  return entry.type === 'file' ? [entry.mode, humanSize(entry.size)] : [entry.mode]
}
