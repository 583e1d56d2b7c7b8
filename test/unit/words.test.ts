import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url).pathname
const text = (file: string): string => readFileSync(join(root, file), 'utf8')
const code = globSync(['src/**/*.ts', 'supervisor/*', 'install/*.ts', 'rootfs-build/*.ts'], { cwd: root })
const documents = [
  'README.md',
  'SECURITY.md',
  ...globSync(['docs/*', 'src/**/README.md'], { cwd: root })
].filter(file => /\.(md|yaml)$/.test(file))

/** Words that mean something else here, or nothing, and what is to be written instead (docs/glossary.md). */
const wrongWords: readonly [RegExp, string][] = [
  [/\baskers?\b/i, 'process of the Engine'],
  [/\breprieves?\b/i, 'grace'],
  [/\bleft[- ]volumes?\b/i, 'dangling'],
  [/\b(seals?|sealed) (records?|entry|entries|bytes|chunks?)\b/i, 'encrypted'],
  [
    /\bseals\b|\b(neither|are) sealed (nor|and|or)\b|\bsealed (into|under|on disk|values?|contents)\b/i,
    'encrypted'
  ],
  [/\b(manager|handler|helper|utils?)s?\b/i, 'what it does'],
  [/\b(whitelist|blacklist|sanity check)s?\b/i, 'what it is']
]

/** Of others: names of programs, protocols and their words. */
const names =
  /node:util|util\.inspect|cli-plugins\/manager|manager\/drivers|package manager|(a|the) manager/gi

test.each([...code, ...documents])('%s uses no word that the glossary does not know', file => {
  const written = text(file).replace(names, '')
  expect(wrongWords.filter(([word]) => word.test(written)).map(([word]) => word.exec(written)?.[0])).toEqual(
    []
  )
})

test("in src/lifecycle, src/volumes and src/controller a label is Docker's alone", () => {
  const rooms = globSync('src/{lifecycle,volumes}/**/*.ts', { cwd: root })
  expect(rooms.filter(file => /label/i.test(text(file)))).toEqual([])
})

test("the README's words are those of the glossary", () => {
  const bold = (words: string): string[] =>
    [...words.matchAll(/\*\*([^*]+)\*\*/g)].map(([, word = '']) => word)
  const [, section = ''] = /^## Words\n([^]*?)\n## /m.exec(text('README.md')) ?? []
  const known = bold(text('docs/glossary.md'))
  expect(bold(section).length).toBeGreaterThan(5)
  expect(bold(section).filter(word => !known.includes(word))).toEqual([])
})
